"""A list of a model's jobs is kept to the days on which it was used."""

from datetime import UTC, date, datetime

import pytest

from app.audit.job_filters import JobFilters
from app.audit.model_days import within

FIRST, LAST = date(2026, 3, 2), date(2026, 3, 4)


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ((None, None), (at(2), at(5))),
        ((at(1), None), (at(2), at(5))),
        ((at(3, 7), at(4, 9)), (at(3, 7), at(4, 9))),
        ((None, at(20)), (at(2), at(5))),
        ((at(4, 23), at(9)), (at(4, 23), at(5))),
    ],
)
def test_the_days_and_the_filters_both_hold(
    asked: tuple[datetime | None, datetime | None], kept: tuple[datetime, datetime]
) -> None:
    found = within(JobFilters(model="m", starts_at=asked[0], ends_at=asked[1]), FIRST, LAST)
    assert found is not None
    assert (found.starts_at, found.ends_at, found.model) == (*kept, "m")


@pytest.mark.parametrize("asked", [(at(5), None), (None, at(2)), (at(7), at(9))])
def test_other_days_have_no_jobs_of_it(asked: tuple[datetime | None, datetime | None]) -> None:
    assert within(JobFilters(model="m", starts_at=asked[0], ends_at=asked[1]), FIRST, LAST) is None
