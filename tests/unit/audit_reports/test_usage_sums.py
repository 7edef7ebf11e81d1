"""The coarsest sums that can tell a report are the ones it is told from."""

from datetime import date

import pytest

from app.audit.period import Days
from app.audit.usage_sums import sums_for

SPRING = Days(date(2026, 2, 28), date(2026, 4, 3), ())
MARCH_DAYS = Days(date(2026, 3, 2), date(2026, 3, 31), ())
BY_DAY = ("usage_by_day", "2026-02-28", "2026-04-03")
DAILY = ("usage_daily", "2026-02-28", "2026-04-03")


@pytest.mark.parametrize(
    ("groups", "days", "tables"),
    [
        ("day", SPRING, [BY_DAY]),
        ("team,key,model,day", SPRING, [BY_DAY]),
        ("model", SPRING, [BY_DAY]),
        ("day,end_user", SPRING, [DAILY]),
        (
            "end_user,model",
            SPRING,
            [
                ("usage_by_month", "2026-03-01", "2026-04-01"),
                ("usage_daily", "2026-02-28", "2026-03-01"),
                ("usage_daily", "2026-04-01", "2026-04-03"),
            ],
        ),
        ("end_user", MARCH_DAYS, [("usage_daily", "2026-03-02", "2026-03-31")]),
    ],
)
def test_the_coarsest_sums_are_read(groups: str, days: Days, tables: list[tuple[str, str, str]]) -> None:
    stored = sums_for(groups.split(","), days)
    assert [(of.table, of.first.isoformat(), of.end.isoformat()) for of in stored] == tables
