from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit.period import (
    CLOCKS_DIFFER,
    Period,
    days_in,
    end_id_of,
    first_id_beside,
    first_id_of,
    months_in,
    parse_moment,
    period_of,
)

NOW = datetime(2026, 11, 22, 13, 30, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01", "2026-03-01"),
        ("2024-02-29", "2024-02-29"),
        ("2026-03-01T08:30:00Z", "2026-03-01T08:30:00"),
        ("2026-03-01t08:30:00z", "2026-03-01T08:30:00"),
        ("2026-03-01 08:30:00.25Z", "2026-03-01T08:30:00.250000"),
        ("2026-03-01T08:30:00.123456789Z", "2026-03-01T08:30:00.123456"),
        ("2026-03-01T00:30:00+01:00", "2026-02-28T23:30:00"),
        ("2026-03-01T23:30:00-11:30", "2026-03-02T11:00:00"),
        ("1970-01-01", "1970-01-01"),
        ("2999-12-31T23:59:59Z", "2999-12-31T23:59:59"),
    ],
)
def test_moments_are_read_as_they_are_written(text: str, moment: str) -> None:
    assert parse_moment(text) == at(moment)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "now",
        "2026",
        "2026-03",
        "2026-3-1",
        "20260301",
        "2026-03-01T",
        "2026-03-01T08:30Z",
        "2026-03-01T08:30:00",
        "2026-03-01T08:30:00 Z",
        "2026-03-01T08:30:00+0200",
        "2026-03-01T08:30:00+25:00",
        "2026-03-01T08:30:00+02:60",
        "2026-03-01T24:00:00Z",
        "2026-03-01T23:59:60Z",
        "2026-03-01T08:60:00Z",
        "2026-02-29",
        "2026-13-01",
        "2026-00-01",
        "0000-01-01",
        "0001-01-01T00:00:00+14:00",
        "1969-12-31",
        "1970-01-01T00:00:00+00:01",
        "3000-01-01",
        "9999-12-31T23:59:59-14:00",
        "10000-01-01",
        "-2026-03-01",
        "2026-W10-1",
        "2026-03-01\n",
        "\u0662\u0660\u0662\u0666-03-01",
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a moment is between|write a date"):
        parse_moment(text)


@given(st.text(max_size=40))
def test_any_other_text_is_refused_and_never_a_fault(text: str) -> None:
    with suppress(ValueError):
        assert parse_moment(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "expected"),
    [
        (None, None, ("2026-11-01", "2026-12-01")),
        ("2026-11-20", None, ("2026-11-20", "2026-12-01")),
        ("2025-01-01", None, ("2025-01-01", "2026-12-01")),
        (None, "2026-11-20", ("2026-11-01", "2026-11-20")),
        (None, "2026-11-01", ("2026-10-01", "2026-11-01")),
        (None, "2026-01-01", ("2025-12-01", "2026-01-01")),
        ("2026-01-05", "2026-01-06", ("2026-01-05", "2026-01-06")),
    ],
)
def test_what_is_not_said_is_an_end_of_a_month(
    starts_at: str | None, ends_at: str | None, expected: tuple[str, str]
) -> None:
    asked = [None if text is None else at(text) for text in (starts_at, ends_at)]
    assert period_of(*asked, now=NOW) == Period(*map(at, expected))


@pytest.mark.parametrize(
    "now", [datetime(2026, 12, 31, 23, 59, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)]
)
def test_december_ends_with_the_year(now: datetime) -> None:
    assert period_of(None, None, now=now) == Period(at("2026-12-01"), at("2027-01-01"))


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [("2026-11-02", "2026-11-02"), ("2026-11-02", "2026-11-01"), ("2026-12-01", None)],
)
def test_an_empty_period_is_refused(starts_at: str, ends_at: str | None) -> None:
    with pytest.raises(ValueError, match="`from` is before `to`"):
        period_of(at(starts_at), None if ends_at is None else at(ends_at), now=NOW)


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "first", "end", "rests"),
    [
        ("2026-03-01", "2026-03-04", "2026-03-01", "2026-03-04", []),
        ("2026-03-01T10", "2026-03-04", "2026-03-02", "2026-03-04", [("2026-03-01T10", "2026-03-02")]),
        ("2026-03-01", "2026-03-04T10", "2026-03-01", "2026-03-04", [("2026-03-04", "2026-03-04T10")]),
        (
            "2026-03-01T10",
            "2026-03-02T09",
            "2026-03-02",
            "2026-03-02",
            [("2026-03-01T10", "2026-03-02"), ("2026-03-02", "2026-03-02T09")],
        ),
        ("2026-03-01T10", "2026-03-01T11", "2026-03-02", "2026-03-01", [("2026-03-01T10", "2026-03-01T11")]),
    ],
)
def test_a_period_is_whole_days_and_its_ends(
    starts_at: str, ends_at: str, first: str, end: str, rests: list[tuple[str, str]]
) -> None:
    days = days_in(Period(at(starts_at), at(ends_at)))
    assert (days.first.isoformat(), days.end.isoformat()) == (first, end)
    assert days.rests == tuple(Period(at(one), at(other)) for one, other in rests)


@pytest.mark.parametrize(
    ("first", "end", "months"),
    [
        ("2026-03-01", "2026-04-01", ("2026-03-01", "2026-04-01")),
        ("2026-02-28", "2026-04-02", ("2026-03-01", "2026-04-01")),
        ("2025-11-27", "2026-11-27", ("2025-12-01", "2026-11-01")),
        ("2024-01-31", "2024-03-01", ("2024-02-01", "2024-03-01")),
        ("2026-03-02", "2026-04-01", None),
        ("2026-03-01", "2026-03-31", None),
        ("2026-03-02", "2026-03-01", None),
        ("1970-01-01", "2999-12-31", ("1970-01-01", "2999-12-01")),
    ],
)
def test_days_may_hold_whole_months(first: str, end: str, months: tuple[str, str] | None) -> None:
    found = months_in(date.fromisoformat(first), date.fromisoformat(end))
    assert (found and (found.first.isoformat(), found.end.isoformat())) == months


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 6), timezones=st.just(UTC))  # noqa: DTZ001 # the bounds of hypothesis have none


@given(MOMENTS, MOMENTS, MOMENTS)
def test_each_moment_is_in_one_day_or_one_rest(
    starts_at: datetime, ends_at: datetime, moment: datetime
) -> None:
    if starts_at >= ends_at:
        return
    days = days_in(Period(starts_at, ends_at))
    places = [rest.starts_at <= moment < rest.ends_at for rest in days.rests]
    places.append(days.first <= moment.date() < days.end)
    assert sum(places) == (starts_at <= moment < ends_at)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001 # as above
def test_ids_of_a_moment_lie_between_its_bounds(moment: datetime) -> None:
    def an_id(when: datetime) -> UUID:
        return UUID(int=max(int(when.timestamp() * 1000), 0) << 80 | 0x7ABC_8000_0000_0000_0000)

    off = CLOCKS_DIFFER - timedelta(milliseconds=2)
    for made_at in (moment - off, moment, moment + off):
        assert first_id_of(moment) <= an_id(made_at) < end_id_of(moment) or made_at.year < 1970
    assert first_id_beside(an_id(moment)) <= an_id(moment - off)


def test_an_id_without_a_time_is_beside_everything() -> None:
    assert first_id_beside(UUID("6bcd8ec3-bbce-41b1-bdc6-959b334041d1")) == UUID(int=0)


def test_days_are_dates() -> None:
    assert days_in(Period(at("2026-03-01"), at("2026-03-02"))).first == date(2026, 3, 1)
