"""Tables of teams, keys, and what this installation knows about itself.

Limits of money, of jobs in flight and of pictures stand beside what is used of them, in `billing/tables.py`.
"""

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    false,
    func,
    text,
)

from app.storage.metadata import METADATA, one_of

TEAMS = Table(
    "teams",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("requests_per_minute", Integer),
    Column("models", ARRAY(Text)),  # globs; NULL allows every model
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    # What is kept of prompts and results: all, digests, or nothing.
    Column(
        "privacy",
        Text,
        one_of("privacy", ("full", "hashed", "none")),
        nullable=False,
        server_default="full",
    ),
    # For how long; NULL leaves it to the setting of the installation.
    Column("payload_days", Integer),
    Column("job_days", Integer),
    Column("image_days", Integer),
    Column("keeps_images", Boolean, nullable=False, server_default=false()),  # in the vault
    Column("rewrites_urls", Boolean, nullable=False, server_default=false()),  # results name the vault's
)

# Only a digest of a key is stored; `hint` is its last four characters, for people who compare lists.
API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("team_id", Uuid, ForeignKey("teams.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("hint", Text, nullable=False),
    # The secret before this one lets in as well until its grace is over.
    Column("previous_digest", LargeBinary),
    Column("previous_expires_at", DateTime(timezone=True)),
    # Rises with each rotation: what was begun with a secret ends with that secret.
    Column("secret_number", Integer, nullable=False, server_default="0"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    Column("requests_per_minute", Integer),
    Column("models", ARRAY(Text)),
    Index(
        "uq_api_keys_previous_digest",
        "previous_digest",
        unique=True,
        postgresql_where=text("previous_digest IS NOT NULL"),
    ),
)

# Facts that must agree between all processes of one installation: a check value of the key pepper, and the
# digest of the admin key that was made at the first start.
INSTALLATION = Table(
    "installation",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# Who is signed in to the web pages: with a key, or with the admin key as it was then. The browser holds a
# secret of which this is the digest.
SESSIONS = Table(
    "sessions",
    METADATA,
    Column("digest", LargeBinary, primary_key=True),
    Column("key_id", Uuid),
    Column("team_id", Uuid),
    Column("secret_number", Integer),
    Column("admin_digest", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False, index=True),
    CheckConstraint("(key_id IS NULL) <> (admin_digest IS NULL)", name="one_credential"),
)
