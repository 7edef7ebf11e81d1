"""Tables for reports and for the trail of administrative changes."""

from sqlalchemy import BigInteger, Column, Date, DateTime, ForeignKey, Index, LargeBinary, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import TSVECTOR

from app.storage.metadata import METADATA

# Sums over jobs by the day on which they were recorded (UTC); derived from the ledger, can be rebuilt.
# `unpriced` counts the jobs whose cost is not known; it is not in `cost_micros`.
USAGE_DAILY = Table(
    "usage_daily",
    METADATA,
    Column("team_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True, index=True),
    Column("key_id", Uuid, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("end_user", Text, primary_key=True),  # '' where the job has none
    Column("jobs", BigInteger, nullable=False),
    Column("succeeded", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("images", BigInteger, nullable=False),
    Column("cost_micros", BigInteger, nullable=False),
    Column("saved_micros", BigInteger, nullable=False),
    Column("unpriced", BigInteger, nullable=False),
    # Between which days a model was used, by all and by a team.
    Index("ix_usage_daily_model", "model", "day"),
    Index("ix_usage_daily_team_model", "team_id", "model", "day"),
)

# The same sums over jobs that are not stored any more, which no ledger can tell; `images_made` leaves out the
# pictures of jobs that another one answered, as limits do.
USAGE_PURGED = Table(
    "usage_purged",
    METADATA,
    Column("team_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("key_id", Uuid, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("end_user", Text, primary_key=True),
    Column("jobs", BigInteger, nullable=False),
    Column("succeeded", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("images", BigInteger, nullable=False),
    Column("cost_micros", BigInteger, nullable=False),
    Column("saved_micros", BigInteger, nullable=False),
    Column("unpriced", BigInteger, nullable=False),
    Column("images_made", BigInteger, nullable=False),
)

# Up to which ledger entry of each team the sums have been made.
USAGE_WATERMARKS = Table(
    "usage_watermarks",
    METADATA,
    Column("team_id", Uuid, primary_key=True),
    Column("ledger_id", BigInteger, nullable=False),
)

# The words of a job's prompt, by which it is found, and marks of its team, key and model. They go with the
# prompt: whoever purges inputs need not know of this table. Rows are written in batches by housekeeping, so
# nobody waits for the moments in which the index sorts its newest entries in.
PROMPT_WORDS = Table(
    "prompt_words",
    METADATA,
    Column("job_id", Uuid, ForeignKey("job_inputs.job_id", ondelete="CASCADE"), primary_key=True),
    Column("words", TSVECTOR, nullable=False),
    Index("ix_prompt_words_words", "words", postgresql_using="gin"),
)

# Up to which ledger entry of each team the words have been written down.
PROMPT_WATERMARKS = Table(
    "prompt_watermarks",
    METADATA,
    Column("team_id", Uuid, primary_key=True),
    Column("ledger_id", BigInteger, nullable=False),
)

# Append-only, without gaps; `digest` covers the row and the digest before it, see `audit/chain.py`.
AUDIT_TRAIL = Table(
    "audit_trail",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject_id", Text, nullable=False, index=True),
    Column("before", Text),
    Column("after", Text),
    Column("digest", LargeBinary, nullable=False),
)
