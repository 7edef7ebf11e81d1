"""Copies of pictures, and which pictures of which jobs they are."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

STATES = "state IN ('pending', 'kept', 'failed', 'purged')"


def upgrade() -> None:
    op.create_table(
        "vault_objects",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("has_thumbnail", sa.Boolean, nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_doubted", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("is_leaving", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_index(
        "ix_vault_objects_doubted", "vault_objects", ["touched_at"], postgresql_where=sa.text("is_doubted")
    )
    op.create_index(
        "uq_vault_objects_sha256",
        "vault_objects",
        ["sha256"],
        unique=True,
        postgresql_where=sa.text("NOT is_leaving"),
    )
    op.create_table(
        "images",
        sa.Column("job_id", sa.Uuid, primary_key=True),
        sa.Column("place", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("team_id", sa.Uuid, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("object_id", sa.BigInteger, sa.ForeignKey("vault_objects.id")),
        sa.Column("error", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(STATES, name=op.f("ck_images_state")),
        sa.CheckConstraint("(state = 'kept') = (object_id IS NOT NULL)", name=op.f("ck_images_object")),
    )
    op.create_index("ix_images_object_id", "images", ["object_id", "team_id", "job_id"])
    op.create_index(
        "ix_images_kept", "images", ["team_id", "created_at"], postgresql_where=sa.text("state = 'kept'")
    )
