"""Teams, keys, jobs from submission to their end, and the work table."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

STATES = (
    "accepted",
    "submitting",
    "unknown",
    "queued",
    "running",
    "fetching",
    "succeeded",
    "failed",
    "cancelled",
    "expired",
    "lost",
)


def upgrade() -> None:
    _callers()
    _jobs()
    _jobs_apart()
    _work()


def _callers() -> None:
    op.create_table(
        "teams",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("team_id", sa.Uuid, sa.ForeignKey("teams.id"), nullable=False, index=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("hint", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "installation",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def _jobs() -> None:
    states = ", ".join(f"'{state}'" for state in STATES)
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("team_id", sa.Uuid, nullable=False),
        sa.Column("key_id", sa.Uuid, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("state", sa.Text, sa.CheckConstraint(f"state IN ({states})", name="state"), nullable=False),
        sa.Column("upstream_id", sa.Text),
        sa.Column("queue_position", sa.Integer),
        sa.Column("logs", sa.Text),
        sa.Column("metrics", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("error_type", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True)),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True)),
        sa.Column("cancel_answer", sa.Text),
    )
    op.create_index(
        "uq_jobs_upstream_id",
        "jobs",
        ["upstream_id"],
        unique=True,
        postgresql_where=sa.text("upstream_id IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_held_state",
        "jobs",
        ["state"],
        postgresql_where=sa.text("state IN ('accepted', 'submitting', 'unknown')"),
    )


def _jobs_apart() -> None:
    op.create_table(
        "job_inputs",
        sa.Column("job_id", sa.Uuid, primary_key=True),
        sa.Column("prompt", sa.Text),
        sa.Column("input", sa.Text, nullable=False),
        sa.Column("upstream_headers", sa.Text, nullable=False),
    )
    op.create_table(
        "job_results",
        sa.Column("job_id", sa.Uuid, primary_key=True),
        sa.Column("status_code", sa.SmallInteger, nullable=False),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "job_events",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("job_id", sa.Uuid, nullable=False, index=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_state", sa.Text),
        sa.Column("to_state", sa.Text, nullable=False),
        sa.Column("note", sa.Text),
    )


def _work() -> None:
    op.create_table(
        "work",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("job_id", sa.Uuid, primary_key=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("is_leased", sa.Boolean, nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True)),
        sa.Column("pull_from", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_work_due_at", "work", ["due_at"])
