from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.callers.rate_window import WINDOW_MICROS, Quota, RateState, RecentSubmits, decide
from tests.support.rate_cases import MICROS, RATE_CASES, RateCase, limits_of

NOW_MICROS = 1_000_000 * MICROS

# From the same moment to more than a window, with the edges of the window among them.
gaps_micros = st.one_of(
    st.integers(0, 70 * MICROS),
    st.sampled_from([0, 1, WINDOW_MICROS - 1, WINDOW_MICROS, WINDOW_MICROS + 1]),
)


class Submits(NamedTuple):
    """When one key's submits come, after each other."""

    key: int
    gap_micros: int


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in RATE_CASES])
def test_what_is_said_to_one_more(case: RateCase) -> None:
    taken = [
        sorted(NOW_MICROS - round(seconds * MICROS) for seconds in entries) for entries in case.seconds_ago
    ]
    state = decide(limits_of(case.per_minute), taken, NOW_MICROS)
    assert state.is_admitted == case.is_admitted
    assert [(quota.remaining, quota.reset_micros / MICROS) for quota in state.quotas] == list(case.left)
    assert [quota.scope for quota in state.quotas] == ["key", "team"][: len(case.left)]


@given(
    limits=st.tuples(st.integers(1, 4), st.integers(1, 6)),
    submits=st.lists(st.builds(Submits, st.integers(0, 1), gaps_micros), max_size=60),
)
def test_never_more_than_the_limit_in_any_window(limits: tuple[int, int], submits: list[Submits]) -> None:
    """Two keys of a team: whatever comes when, each keeps its own limit and both keep that of the team."""
    key, team = limits_of(limits)
    keys = (key, limits_of(limits)[0])
    recent, now_micros = RecentSubmits(), NOW_MICROS
    passed: dict[str, list[int]] = {"0": [], "1": [], "team": []}
    for submit in submits:
        now_micros += submit.gap_micros
        state = recent.decide((keys[submit.key], team), now_micros)
        if state.is_admitted:
            recent.add((keys[submit.key], team), now_micros)
            passed[f"{submit.key}"].append(now_micros)
            passed["team"].append(now_micros)
        else:
            assert not state.has_room
        left = (
            _left(passed[f"{submit.key}"], limits[0], now_micros),
            _left(passed["team"], limits[1], now_micros),
        )
        assert tuple(quota.remaining for quota in state.quotas) == left
    for name, times in passed.items():
        limit = limits[1] if name == "team" else limits[0]
        assert all(last - first >= WINDOW_MICROS for first, last in zip(times, times[limit:], strict=False))
    assert len(recent) <= 2 * limits[0] + limits[1]


def _left(times: list[int], limit: int, now_micros: int) -> int:
    return limit - sum(now_micros - time < WINDOW_MICROS for time in times)


@given(limit=st.integers(1, 5), gaps=st.lists(gaps_micros, max_size=30))
def test_who_comes_when_told_passes_and_a_moment_before_does_not(limit: int, gaps: list[int]) -> None:
    [own] = limits_of((limit,))
    recent, now_micros = RecentSubmits(), NOW_MICROS
    for gap_micros in gaps:
        now_micros += gap_micros
        state = recent.decide([own], now_micros)
        if not state.is_admitted:
            now_micros += state.tightest.reset_micros
            assert not recent.decide([own], now_micros - 1).is_admitted
            assert recent.decide([own], now_micros).is_admitted
        recent.add([own], now_micros)


def test_what_no_longer_counts_is_forgotten() -> None:
    recent = RecentSubmits()
    for second in range(1000):
        recent.add(limits_of((5, 5)), NOW_MICROS + second * MICROS)
        assert len(recent) <= 2 * 60
    recent.add(limits_of((5,)), NOW_MICROS + 5000 * MICROS)
    assert len(recent) == 1


def test_submits_may_be_told_out_of_order() -> None:
    [own] = limits_of((3,))
    recent = RecentSubmits()
    for seconds in (30, 10, 20):
        recent.add([own], NOW_MICROS + seconds * MICROS)
    state = recent.decide([own], NOW_MICROS + 40 * MICROS)
    assert state.quotas == (Quota("key", 3, 0, 30 * MICROS),)


def test_the_fields_name_every_limit() -> None:
    quotas = (Quota("key", 60, 12, 29_000_001), Quota("team", 600, 0, 30 * MICROS))
    assert RateState(is_admitted=True, quotas=quotas).headers == {
        "RateLimit-Policy": '"key";q=60;w=60, "team";q=600;w=60',
        "RateLimit": '"key";r=12;t=30, "team";r=0;t=30',
    }


@pytest.mark.parametrize(
    ("quotas", "scope"),
    [
        ((Quota("key", 1, 0, 5), Quota("team", 9, 3, 50)), "key"),
        ((Quota("key", 9, 3, 50), Quota("team", 1, 0, 5)), "team"),
        ((Quota("key", 1, 0, 5), Quota("team", 1, 0, 6)), "team"),
        ((Quota("key", 1, 0, 6), Quota("team", 1, 0, 5)), "key"),
    ],
)
def test_the_full_limit_that_lasts_longest_is_named(quotas: tuple[Quota, ...], scope: str) -> None:
    assert RateState(is_admitted=False, quotas=quotas).tightest.scope == scope
