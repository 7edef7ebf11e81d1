"""The work table: one narrow row for each thing the gateway still owes somebody."""

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid, text

from app.storage.metadata import METADATA

# `due_at` is also the lease: whoever claims a row pushes it into the future and raises `epoch`; a dead
# worker's rows come due again by themselves, and a stalled one's writes no longer match the epoch.
# `told_id` is what the upstream's webhook told since the row was claimed last; it stands here, too, because
# whoever holds this row's lock sees it, in whatever order a webhook, a move and a claim come.
# From `pull_from` on, a caller who looks at the job may bring its next look nearer.
WORK = Table(
    "work",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("job_id", Uuid, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("is_leased", Boolean, nullable=False),
    Column("claimed_at", DateTime(timezone=True)),
    Column("pull_from", DateTime(timezone=True)),
    Column("lane", Text),  # of a webhook: its receiver, who gets a few at a time
    Column("told_id", Text),
    # By kind first: rows of one kind that are overdue are not read by those who look for another.
    Index("ix_work_due_at", "kind", "due_at"),
    # What one receiver is owed stands together, so that those who wait for a slow one are stepped over.
    Index("ix_work_lane", "lane", "due_at", postgresql_where=text("kind = 'deliver'")),
)
