"""Tables of money: what may be spent, what was reserved and spent, and the prices it was counted with."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    func,
    text,
)

from app.storage.metadata import METADATA, one_of

# One row for each team, key and limited browser token: its limits, and beside them what is used of them since
# `window_start`. The counters are derived from the ledger and can be rebuilt from it at any time. Whoever
# admits or settles a job holds the row's lock until the commit, so the rows of one team's ledger become
# visible in the order of their numbers.
ALLOWANCES = Table(
    "allowances",
    METADATA,
    Column("scope_id", Uuid, primary_key=True),
    Column("scope", Text, one_of("scope", ("team", "key", "token")), nullable=False),
    Column("budget_micros", BigInteger, CheckConstraint("budget_micros >= 0", name="budget_micros")),
    Column(
        "budget_period",
        Text,
        one_of("budget_period", ("day", "month", "total")),
        nullable=False,
        server_default="month",
    ),
    Column("max_in_flight", Integer),
    Column("max_images", Integer),
    Column("window_start", DateTime(timezone=True), nullable=False, server_default="-infinity"),
    Column("reserved_micros", BigInteger, nullable=False, server_default="0"),
    Column("spent_micros", BigInteger, nullable=False, server_default="0"),
    Column("images", Integer, nullable=False, server_default="0"),
    Column("in_flight", Integer, nullable=False, server_default="0"),
    Column("purge_after", DateTime(timezone=True)),  # set for tokens, which come in numbers and die young
    Index("ix_allowances_purge_after", "purge_after", postgresql_where=text("purge_after IS NOT NULL")),
    postgresql_with={"fillfactor": "50"},
)

# Append-only. `reserved_micros` and `spent_micros` are what an entry adds to the two sums; both are NULL
# where the price of the job is unknown.
#   reserve  +R   0     when a job is recorded
#   charge   -R  +C     when it ended and something was made, or may have been
#   release  -R   0     when it ended and nothing was made
#   resubmit  0  +R     when an operator had it sent again: what the first try may have cost
#   adjust    0  +-A    when somebody learned better afterwards
LEDGER = Table(
    "ledger",
    METADATA,
    Column("team_id", Uuid, primary_key=True),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("job_id", Uuid, nullable=False),
    Column(
        "kind",
        Text,
        one_of("kind", ("reserve", "charge", "release", "adjust", "resubmit")),
        nullable=False,
    ),
    Column("reserved_micros", BigInteger),
    Column("spent_micros", BigInteger),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("note", Text),
    Index("uq_ledger_job_id", "job_id", "kind", unique=True),
    # The few jobs that may have been paid for twice.
    Index("ix_ledger_resubmit", "job_id", postgresql_where=text("kind = 'resubmit'")),
)

# Append-only; the highest id counts. `rules` is the JSON of `billing/prices.py`.
PRICE_VERSIONS = Table(
    "price_versions",
    METADATA,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("loaded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("rules", Text, nullable=False),
)
