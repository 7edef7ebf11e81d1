"""Tables of webhooks that are owed, and of every try to deliver one."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)

from app.storage.metadata import METADATA, one_of

# One for each job that named an address, made by the statement that ends the job; its id is the job's, so it
# is the same at every try. When it is tried next stands in `work`.
DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("job_id", Uuid, primary_key=True),
    Column("team_id", Uuid, nullable=False),
    Column("url", Text, nullable=False),
    Column("state", Text, one_of("state", ("pending", "delivered", "failed")), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("delivered_at", DateTime(timezone=True)),
    Column("last_status", SmallInteger),
    Column("last_error", Text),
    Index("ix_deliveries_team_id", "team_id", "job_id"),
    # What is not delivered is rare, and looked for.
    Index(
        "ix_deliveries_open",
        "team_id",
        "state",
        "job_id",
        postgresql_where=text("state IN ('pending', 'failed')"),
    ),
)

# Append-only.
DELIVERY_ATTEMPTS = Table(
    "delivery_attempts",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("job_id", Uuid, nullable=False, index=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("status_code", SmallInteger),
    Column("error", Text),
    Column("milliseconds", Integer, nullable=False),
)
