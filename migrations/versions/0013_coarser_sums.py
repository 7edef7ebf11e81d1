"""Sums of usage that leave out who the end users were, or on which day of a month it was."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

SUMS: Final = ("jobs", "succeeded", "failed", "images", "cost_micros", "saved_micros", "unpriced")
OWN: Final = {
    "usage_by_day": "team_id, day, key_id, model",
    "usage_by_month": "team_id, month, key_id, model, end_user",
}
OF_LINES: Final = {
    "usage_by_day": "team_id, day, key_id, model",
    "usage_by_month": "team_id, date_trunc('month', day::timestamp)::date, key_id, model, end_user",
}
# What a statement has changed: lines that are there now count, and lines that were there count against.
NOW: Final = "SELECT 1 AS lines, * FROM lines_now"
BEFORE: Final = "SELECT -1 AS lines, * FROM lines_before"
CHANGED: Final = {"INSERT": NOW, "DELETE": BEFORE, "UPDATE": f"{NOW} UNION ALL {BEFORE}"}
REFERENCING: Final = {
    "INSERT": "NEW TABLE AS lines_now",
    "DELETE": "OLD TABLE AS lines_before",
    "UPDATE": "NEW TABLE AS lines_now OLD TABLE AS lines_before",
}


def upgrade() -> None:
    kinds = {"team_id": sa.Uuid, "key_id": sa.Uuid, "day": sa.Date, "month": sa.Date}
    for table, own in OWN.items():
        op.create_table(
            table,
            *(sa.Column(name, kinds.get(name, sa.Text), primary_key=True) for name in own.split(", ")),
            *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("lines", *SUMS)),
        )
    op.create_index("ix_usage_by_day_day", "usage_by_day", ["day"])
    op.create_index("ix_usage_by_month_month", "usage_by_month", ["month"])
    for deed, changed in CHANGED.items():
        op.execute(_function(deed, changed))
        # Waits for whoever is writing daily sums, and lets nobody else until all of this is done.
        op.execute(
            f"CREATE TRIGGER usage_daily_{deed.lower()} AFTER {deed} ON usage_daily"
            f" REFERENCING {REFERENCING[deed]}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION usage_daily_{deed.lower()}()"
        )
    for table in OWN:
        op.execute(_added(table, "SELECT 1 AS lines, * FROM usage_daily"))


def _function(deed: str, changed: str) -> str:
    """Daily sums are written by processes of the release before, too, which know of no others."""
    written = "; ".join(_added(table, changed) for table in OWN)
    emptied = "; ".join(f"DELETE FROM {table} WHERE lines = 0" for table in OWN)  # noqa: S608 # tables of ours
    return f"""
        CREATE FUNCTION usage_daily_{deed.lower()}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            {written};
            {f"{emptied};" if deed == "DELETE" else ""}
            RETURN NULL;
        END $$
    """


def _added(table: str, changed: str) -> str:
    own, sums = OWN[table], ", ".join(f"sum(lines * {name})" for name in SUMS)
    places = ", ".join(str(place + 1) for place in range(own.count(",") + 1))
    together = ", ".join(f"{name} = u.{name} + excluded.{name}" for name in ("lines", *SUMS))
    return f"""
        INSERT INTO {table} AS u ({own}, lines, {", ".join(SUMS)})
        SELECT {OF_LINES[table]}, sum(lines), {sums} FROM ({changed}) AS changed GROUP BY {places}
        ON CONFLICT ({own}) DO UPDATE SET {together}
    """  # noqa: S608 # tables and columns of ours
