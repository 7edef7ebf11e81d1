"""Which of a key's secrets a sign-in was begun with, so that it ends with that one."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("secret_number", sa.Integer, nullable=False, server_default="0"))
    op.add_column("sessions", sa.Column("secret_number", sa.Integer))
    # Nobody knows it of those that there are; their owners sign in again.
    op.execute("DELETE FROM sessions WHERE key_id IS NOT NULL")
