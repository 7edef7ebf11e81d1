"""Webhooks that callers named, and what became of them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("webhook_url", sa.Text))
    op.create_table(
        "deliveries",
        sa.Column("job_id", sa.Uuid, primary_key=True),
        sa.Column("team_id", sa.Uuid, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column(
            "state",
            sa.Text,
            sa.CheckConstraint("state IN ('pending', 'delivered', 'failed')", name="state"),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        sa.Column("last_status", sa.SmallInteger),
        sa.Column("last_error", sa.Text),
    )
    op.create_index("ix_deliveries_team_id", "deliveries", ["team_id", "job_id"])
    op.create_table(
        "delivery_attempts",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("job_id", sa.Uuid, nullable=False, index=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status_code", sa.SmallInteger),
        sa.Column("error", sa.Text),
        sa.Column("milliseconds", sa.Integer, nullable=False),
    )
    # What is not delivered is rare, and looked for.
    op.create_index(
        "ix_deliveries_open",
        "deliveries",
        ["team_id", "state", "job_id"],
        postgresql_where=sa.text("state IN ('pending', 'failed')"),
    )
    # Two kinds of work share the table now, and receivers of webhooks may be away for hours.
    op.drop_index("ix_work_due_at", "work")
    op.create_index("ix_work_due_at", "work", ["kind", "due_at"])
    op.add_column("work", sa.Column("lane", sa.Text))
    op.create_index("ix_work_lane", "work", ["lane", "due_at"], postgresql_where=sa.text("kind = 'deliver'"))
