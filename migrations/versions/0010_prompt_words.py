"""The words of prompts, by which jobs are found, and on which days a model was used."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "prompt_words",
        sa.Column(
            "job_id", sa.Uuid, sa.ForeignKey("job_inputs.job_id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("words", TSVECTOR, nullable=False),
    )
    op.create_index("ix_prompt_words_words", "prompt_words", ["words"], postgresql_using="gin")
    op.create_index("ix_usage_daily_model", "usage_daily", ["model", "day"])
    op.create_index("ix_usage_daily_team_model", "usage_daily", ["team_id", "model", "day"])
    op.create_table(
        "prompt_watermarks",
        sa.Column("team_id", sa.Uuid, primary_key=True),
        sa.Column("ledger_id", sa.BigInteger, nullable=False),
    )
