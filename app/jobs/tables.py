"""Tables of jobs: the narrow rows that are scanned, and apart from them what is large.

Rows refer to teams, keys and each other by id without foreign keys: all rows of a job are written by one
statement, teams and keys are never deleted, and a key-share lock on one team's row for every job of that
team would make that row the busiest of the database.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
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
)

from app.jobs.states import JobState
from app.storage.metadata import METADATA, one_of

JOBS = Table(
    "jobs",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("team_id", Uuid, nullable=False),
    Column("key_id", Uuid, nullable=False),
    Column("model", Text, nullable=False),
    Column("state", Text, one_of("state", JobState), nullable=False),
    Column("upstream_id", Text),
    Column("queue_position", Integer),
    Column("logs", Text),
    Column("metrics", Text),
    Column("error", Text),
    Column("error_type", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("submitted_at", DateTime(timezone=True)),
    Column("started_at", DateTime(timezone=True)),
    Column("completed_at", DateTime(timezone=True)),
    Column("cancel_requested_at", DateTime(timezone=True)),
    Column("cancel_answer", Text),  # fal's word, once the upstream has given one
    Column("token_id", Uuid),  # the browser token that sent it, if one did
    Column("end_user", Text),
    Column("cache", Text, nullable=False, server_default="BYPASS"),
    Column("source_job_id", Uuid),  # the job that makes, or made, the answer; this one sends nothing
    Column("webhook_url", Text),  # whom to tell when it ends
    Column("price_version", Integer),
    Column("price_basis", Text),
    Column("price_micros", BigInteger),  # per unit of the basis; NULL when the price is unknown
    Column("reserved_micros", BigInteger),
    Column("cost_micros", BigInteger),
    Column("saved_micros", BigInteger),
    Column("images_asked", SmallInteger),
    Column("images", SmallInteger),
    Column("expects_webhook", Boolean, nullable=False, server_default=false()),
    # When the upstream's webhook told of its end, and under which id; proof that the upstream has the job.
    Column("told_at", DateTime(timezone=True)),
    Column("told_id", Text),
    Column("purged_at", DateTime(timezone=True)),  # when its payload went, and every word beside it
    Index(
        "uq_jobs_upstream_id", "upstream_id", unique=True, postgresql_where=text("upstream_id IS NOT NULL")
    ),
    # The few jobs that wait for an upstream outage to end, or for somebody to find out what became of them.
    Index(
        "ix_jobs_held_state",
        "state",
        postgresql_where=text("state IN ('accepted', 'submitting', 'unknown')"),
    ),
    # Ids rise with time, so these give pages of a team's or a key's jobs, newest first.
    Index("ix_jobs_team_id", "team_id", "id"),
    Index("ix_jobs_key_id", "key_id", "id"),
    Index("ix_jobs_end_user", "team_id", "end_user", "id", postgresql_where=text("end_user IS NOT NULL")),
    Index("ix_jobs_source_job_id", "source_job_id", postgresql_where=text("source_job_id IS NOT NULL")),
    # What ended badly is rare, and looked for.
    Index(
        "ix_jobs_bad_end",
        "team_id",
        "state",
        "id",
        postgresql_where=text("state IN ('failed', 'cancelled', 'expired', 'lost')"),
    ),
)

# What the caller asked for, as it goes upstream.
JOB_INPUTS = Table(
    "job_inputs",
    METADATA,
    Column("job_id", Uuid, primary_key=True),
    Column("prompt", Text),
    Column("input", Text, nullable=False),
    Column("upstream_headers", Text, nullable=False),
)

# The model's answer to the byte, with the headers that callers may see.
JOB_RESULTS = Table(
    "job_results",
    METADATA,
    Column("job_id", Uuid, primary_key=True),
    Column("status_code", SmallInteger, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# Append-only: every move of every job.
JOB_EVENTS = Table(
    "job_events",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("job_id", Uuid, nullable=False, index=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("from_state", Text),
    Column("to_state", Text, nullable=False),
    Column("note", Text),
)

# Which job an idempotency key stands for; both are digests, of the caller's words and of what was asked.
# A row is replaced by whoever names the job that it saw there, so two can never both replace it.
IDEMPOTENCY_KEYS = Table(
    "idempotency_keys",
    METADATA,
    Column("team_id", Uuid, primary_key=True),
    Column("key_digest", LargeBinary, primary_key=True),
    Column("request_digest", LargeBinary, nullable=False),
    Column("job_id", Uuid, nullable=False),
    Column("replaces_job_id", Uuid),
    Column("created_at", DateTime(timezone=True), nullable=False, index=True),
)

# Which job of a team made, or makes, the answer to one request; replaced in the same way.
CACHED_ANSWERS = Table(
    "cached_answers",
    METADATA,
    Column("team_id", Uuid, primary_key=True),
    Column("request_digest", LargeBinary, primary_key=True),
    Column("job_id", Uuid, nullable=False),
    Column("replaces_job_id", Uuid),
    Column("created_at", DateTime(timezone=True), nullable=False, index=True),
)
