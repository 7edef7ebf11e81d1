"""The secret that a key had before, for as long as its grace lasts."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("previous_digest", sa.LargeBinary))
    op.add_column("api_keys", sa.Column("previous_expires_at", sa.DateTime(timezone=True)))
    op.create_index(
        "uq_api_keys_previous_digest",
        "api_keys",
        ["previous_digest"],
        unique=True,
        postgresql_where=sa.text("previous_digest IS NOT NULL"),
    )
