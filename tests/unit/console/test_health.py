import pytest

from app.console.health import redis_part, upstream_part, worker_part
from app.operations.health import PartState


@pytest.mark.parametrize(
    ("last_status", "waiting", "state", "note"),
    [
        (None, 0, PartState.OK, "not asked yet since the start"),
        ("200", 0, PartState.OK, ""),
        ("404", 0, PartState.OK, ""),
        ("200", 3, PartState.DEGRADED, "jobs that wait until it takes them: 3"),
        ("fault", 0, PartState.DEGRADED, "it did not answer the last call"),
        ("503", 0, PartState.DEGRADED, "it answered the last call with 503"),
        ("401", 3, PartState.DOWN, "it refuses the gateway's key (401)"),
    ],
)
def test_the_upstream_is_judged_by_what_it_answered(
    last_status: str | None, waiting: int, state: PartState, note: str
) -> None:
    part = upstream_part(last_status, waiting)
    assert (part.state, part.note) == (state, note)


@pytest.mark.parametrize(
    ("state", "overdue", "shown", "note"),
    [
        (PartState.OK, 0, PartState.OK, ""),
        (PartState.ELSEWHERE, 0, PartState.ELSEWHERE, "another process works"),
        (PartState.ELSEWHERE, 12, PartState.DEGRADED, "work that nobody takes up: 12"),
        (PartState.DOWN, 12, PartState.DOWN, "it gave no sign of life for ten seconds"),
    ],
)
def test_the_worker_is_judged_by_its_sign_of_life_and_by_what_is_left_lying(
    state: PartState, overdue: int, shown: PartState, note: str
) -> None:
    part = worker_part(state, overdue)
    assert (part.state, part.note) == (shown, note)


def test_without_redis_answers_are_right() -> None:
    assert redis_part(PartState.OK).note == ""
    assert "slower" in redis_part(PartState.DEGRADED).note
