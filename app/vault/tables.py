"""Tables of what the vault keeps, and of the pictures of jobs that it is."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    false,
    text,
    true,
)

from app.storage.metadata import METADATA, one_of

# One for each content that is, or may be, in the store, under a name made of its digest and this id. The row
# comes before the bytes and goes after them, so nothing is ever in the store that no row tells of. Doubted
# are those that perhaps no picture refers to: not yet, or not any more. One that is leaving is not found any
# more: the same content, come again meanwhile, gets a row and a name of its own.
VAULT_OBJECTS = Table(
    "vault_objects",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("sha256", LargeBinary, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("has_thumbnail", Boolean, nullable=False),
    Column("touched_at", DateTime(timezone=True), nullable=False),
    Column("is_doubted", Boolean, nullable=False, server_default=true()),
    Column("is_leaving", Boolean, nullable=False, server_default=false()),
    Index("ix_vault_objects_doubted", "touched_at", postgresql_where=text("is_doubted")),
    Index("uq_vault_objects_sha256", "sha256", unique=True, postgresql_where=text("NOT is_leaving")),
)

# The pictures of one job by their places in its answer. The key to an object that several jobs, of several
# teams, may share.
IMAGES = Table(
    "images",
    METADATA,
    Column("job_id", Uuid, primary_key=True),
    Column("place", SmallInteger, primary_key=True, autoincrement=False),
    Column("team_id", Uuid, nullable=False),
    Column("state", Text, one_of("state", ("pending", "kept", "failed", "purged")), nullable=False),
    Column("object_id", BigInteger, ForeignKey("vault_objects.id")),
    Column("error", Text),  # why it is not kept, or not yet
    Column("created_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("(state = 'kept') = (object_id IS NOT NULL)", name="object"),
    # Which rows refer to an object, and which of a team's.
    Index("ix_images_object_id", "object_id", "team_id", "job_id"),
    # The oldest of a team, which go first.
    Index("ix_images_kept", "team_id", "created_at", postgresql_where=text("state = 'kept'")),
)
