"""Tables for reports and for the trail of administrative changes."""

from sqlalchemy import BigInteger, Column, Date, DateTime, ForeignKey, Index, LargeBinary, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import TSVECTOR

from app.audit.usage_report import SUMS
from app.storage.metadata import METADATA


def _sums() -> list[Column[int]]:
    """What is summed up of jobs. What the `unpriced` ones cost is not known, nor in `cost_micros`."""
    return [Column(name, BigInteger, nullable=False) for name in SUMS]


# Sums over jobs by the day on which they were recorded (UTC); derived from the ledger, can be rebuilt.
USAGE_DAILY = Table(
    "usage_daily",
    METADATA,
    Column("team_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True, index=True),
    Column("key_id", Uuid, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("end_user", Text, primary_key=True),  # '' where the job has none
    *_sums(),
    # Between which days a model was used, by all and by a team.
    Index("ix_usage_daily_model", "model", "day"),
    Index("ix_usage_daily_team_model", "team_id", "model", "day"),
)

# The same sums without end users, and those of a month: a year has as many lines here as a week has there.
# Triggers keep them, in the statement that writes daily sums (migration 0013), so a process of an earlier
# release does so, too. `lines` is how many daily sums are in one, which goes with the last of them.
USAGE_BY_DAY = Table(
    "usage_by_day",
    METADATA,
    Column("team_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True, index=True),
    Column("key_id", Uuid, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("lines", BigInteger, nullable=False),
    *_sums(),
)
USAGE_BY_MONTH = Table(
    "usage_by_month",
    METADATA,
    Column("team_id", Uuid, primary_key=True),
    Column("month", Date, primary_key=True, index=True),  # its first day
    Column("key_id", Uuid, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("end_user", Text, primary_key=True),
    Column("lines", BigInteger, nullable=False),
    *_sums(),
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
    *_sums(),
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
