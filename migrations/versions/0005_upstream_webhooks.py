"""What the upstream's webhooks told."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("expects_webhook", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("jobs", sa.Column("told_at", sa.DateTime(timezone=True)))
    op.add_column("jobs", sa.Column("told_id", sa.Text))
    op.add_column("work", sa.Column("told_id", sa.Text))
