"""Tables of jobs: the narrow rows that are scanned, and apart from them what is large.

Rows refer to teams, keys and each other by id without foreign keys: all rows of a job are written by one
statement, teams and keys are never deleted, and a key-share lock on one team's row for every job of that
team would make that row the busiest of the database.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
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
    text,
)

from app.jobs.states import JobState
from app.storage.metadata import METADATA

_STATES = ", ".join(f"'{state}'" for state in JobState)

JOBS = Table(
    "jobs",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("team_id", Uuid, nullable=False),
    Column("key_id", Uuid, nullable=False),
    Column("model", Text, nullable=False),
    Column("state", Text, CheckConstraint(f"state IN ({_STATES})", name="state"), nullable=False),
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
    Index(
        "uq_jobs_upstream_id", "upstream_id", unique=True, postgresql_where=text("upstream_id IS NOT NULL")
    ),
    # The few jobs that wait for an upstream outage to end, or for somebody to find out what became of them.
    Index(
        "ix_jobs_held_state",
        "state",
        postgresql_where=text("state IN ('accepted', 'submitting', 'unknown')"),
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
