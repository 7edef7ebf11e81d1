"""Limits, ledger, prices, idempotency keys, cached answers, usage, audit trail."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# QuickRouter's page and fal's list agree on these; every other price is for the operator to load.
FIRST_PRICES = [
    {"model": "fal-ai/flux-1/dev", "per": "megapixel", "usd": "0.025"},
    {"model": "fal-ai/flux/dev", "per": "megapixel", "usd": "0.025"},
]


def upgrade() -> None:
    _callers()
    _jobs()
    _once()
    _money()
    _audit()
    op.execute("INSERT INTO allowances (scope_id, scope) SELECT id, 'team' FROM teams")
    op.execute("INSERT INTO allowances (scope_id, scope) SELECT id, 'key' FROM api_keys")
    prices = sa.table("price_versions", sa.column("rules", sa.Text))
    op.bulk_insert(prices, [{"rules": json.dumps(FIRST_PRICES)}])


def _callers() -> None:
    for table in ("teams", "api_keys"):
        op.add_column(table, sa.Column("requests_per_minute", sa.Integer))
        op.add_column(table, sa.Column("models", sa.ARRAY(sa.Text)))
    op.add_column("teams", sa.Column("expires_at", sa.DateTime(timezone=True)))
    op.add_column("teams", sa.Column("revoked_at", sa.DateTime(timezone=True)))


def _jobs() -> None:
    op.add_column("jobs", sa.Column("token_id", sa.Uuid))
    op.add_column("jobs", sa.Column("end_user", sa.Text))
    op.add_column("jobs", sa.Column("cache", sa.Text, nullable=False, server_default="BYPASS"))
    op.add_column("jobs", sa.Column("source_job_id", sa.Uuid))
    op.add_column("jobs", sa.Column("price_version", sa.Integer))
    op.add_column("jobs", sa.Column("price_basis", sa.Text))
    for name in ("price_micros", "reserved_micros", "cost_micros", "saved_micros"):
        op.add_column("jobs", sa.Column(name, sa.BigInteger))
    op.add_column("jobs", sa.Column("images_asked", sa.SmallInteger))
    op.add_column("jobs", sa.Column("images", sa.SmallInteger))
    op.create_index("ix_jobs_team_id", "jobs", ["team_id", "id"])
    op.create_index("ix_jobs_key_id", "jobs", ["key_id", "id"])
    _index("end_user", ["team_id", "end_user", "id"], "end_user IS NOT NULL")
    _index("source_job_id", ["source_job_id"], "source_job_id IS NOT NULL")
    _index("bad_end", ["team_id", "state", "id"], "state IN ('failed', 'cancelled', 'expired', 'lost')")


def _index(name: str, columns: list[str], condition: str) -> None:
    op.create_index(f"ix_jobs_{name}", "jobs", columns, postgresql_where=sa.text(condition))


def _once() -> None:
    for table, digests in (
        ("idempotency_keys", ("key_digest", "request_digest")),
        ("cached_answers", ("request_digest",)),
    ):
        op.create_table(
            table,
            sa.Column("team_id", sa.Uuid, nullable=False),
            *(sa.Column(name, sa.LargeBinary, nullable=False) for name in digests),
            sa.Column("job_id", sa.Uuid, nullable=False),
            sa.Column("replaces_job_id", sa.Uuid),
            sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, index=True),
            sa.PrimaryKeyConstraint("team_id", digests[0]),
        )


def _money() -> None:
    op.create_table(
        "allowances",
        sa.Column("scope_id", sa.Uuid, primary_key=True),
        sa.Column(
            "scope",
            sa.Text,
            sa.CheckConstraint("scope IN ('team', 'key', 'token')", name="scope"),
            nullable=False,
        ),
        sa.Column(
            "budget_micros", sa.BigInteger, sa.CheckConstraint("budget_micros >= 0", name="budget_micros")
        ),
        sa.Column(
            "budget_period",
            sa.Text,
            sa.CheckConstraint("budget_period IN ('day', 'month', 'total')", name="budget_period"),
            nullable=False,
            server_default="month",
        ),
        sa.Column("max_in_flight", sa.Integer),
        sa.Column("max_images", sa.Integer),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False, server_default="-infinity"),
        sa.Column("reserved_micros", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("spent_micros", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("images", sa.Integer, nullable=False, server_default="0"),
        sa.Column("in_flight", sa.Integer, nullable=False, server_default="0"),
        sa.Column("purge_after", sa.DateTime(timezone=True)),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index(
        "ix_allowances_purge_after",
        "allowances",
        ["purge_after"],
        postgresql_where=sa.text("purge_after IS NOT NULL"),
    )
    op.create_table(
        "ledger",
        sa.Column("team_id", sa.Uuid, primary_key=True),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("job_id", sa.Uuid, nullable=False),
        sa.Column(
            "kind",
            sa.Text,
            sa.CheckConstraint("kind IN ('reserve', 'charge', 'release', 'adjust')", name="kind"),
            nullable=False,
        ),
        sa.Column("reserved_micros", sa.BigInteger),
        sa.Column("spent_micros", sa.BigInteger),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text),
    )
    op.create_index("uq_ledger_job_id", "ledger", ["job_id", "kind"], unique=True)
    op.create_table(
        "price_versions",
        sa.Column("id", sa.Integer, sa.Identity(always=True), primary_key=True),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("rules", sa.Text, nullable=False),
    )


def _audit() -> None:
    sums = ("jobs", "succeeded", "failed", "images", "cost_micros", "saved_micros", "unpriced")
    op.create_table(
        "usage_daily",
        sa.Column("team_id", sa.Uuid, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True, index=True),
        sa.Column("key_id", sa.Uuid, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("end_user", sa.Text, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in sums),
    )
    op.create_table(
        "usage_watermarks",
        sa.Column("team_id", sa.Uuid, primary_key=True),
        sa.Column("ledger_id", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "audit_trail",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject_id", sa.Text, nullable=False, index=True),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.Column("digest", sa.LargeBinary, nullable=False),
    )
