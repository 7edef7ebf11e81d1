"""What is kept of payloads and of jobs that have gone."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

NOTHING = sa.text("'00000000-0000-0000-0000-000000000000'")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("purged_at", sa.DateTime(timezone=True)))
    op.create_table(
        "payload_digests",
        sa.Column("team_id", sa.Uuid, primary_key=True),
        sa.Column("job_id", sa.Uuid, primary_key=True),
        sa.Column("prompt", sa.LargeBinary),
        sa.Column("input", sa.LargeBinary),
        sa.Column("result", sa.LargeBinary),
    )
    op.create_index(
        "ix_payload_digests_prompt",
        "payload_digests",
        ["team_id", "prompt", "job_id"],
        postgresql_where=sa.text("prompt IS NOT NULL"),
    )
    op.create_table(
        "retention_marks",
        sa.Column("team_id", sa.Uuid, primary_key=True),
        sa.Column("payloads_until", sa.Uuid, nullable=False, server_default=NOTHING),
        sa.Column("jobs_until", sa.Uuid, nullable=False, server_default=NOTHING),
    )
    sums = ("jobs", "succeeded", "failed", "images", "cost_micros", "saved_micros", "unpriced", "images_made")
    op.create_table(
        "usage_purged",
        sa.Column("team_id", sa.Uuid, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("key_id", sa.Uuid, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("end_user", sa.Text, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in sums),
    )
