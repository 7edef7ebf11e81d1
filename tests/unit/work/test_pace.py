import pytest

from app.work.pace import Pace


@pytest.mark.parametrize(
    ("took", "seconds", "free", "room"),
    [
        # A second's share is 100, of which 10 may begin at once.
        (0, 0.0, 128, 10),
        (0, 60.0, 128, 10),
        (0, 0.0, 3, 3),
        (5, 0.0, 128, 5),
        # Less than half of that is waited for: what is due then shares one claim.
        (6, 0.0, 128, 0),
        (10, 0.04, 128, 0),
        (10, 0.051, 128, 5),
        (10, 0.2, 128, 10),
    ],
)
def test_no_more_begin_than_a_second_has_room_for(took: int, seconds: float, free: int, room: int) -> None:
    pace = Pace(100)
    pace.room(1000.0, 128)
    pace.took(took)
    assert pace.room(1000.0 + seconds, free) == room


def test_there_is_room_again_after_the_rest() -> None:
    pace = Pace(100)
    pace.took(pace.room(0.0, 128))
    assert pace.rest_seconds() == pytest.approx(0.05)
    assert pace.room(pace.rest_seconds() + 0.001, 128) == 5
    assert pace.rest_seconds() == 0.0


def test_a_worker_that_is_always_behind_begins_as_many_as_it_is_asked_to() -> None:
    pace, begun = Pace(1000), 0
    for thirty_milliseconds in range(1000):
        number = pace.room(thirty_milliseconds * 0.03, 128)
        pace.took(number)
        begun += number
    assert begun / 30 == pytest.approx(1000, rel=0.05)


def test_a_pace_of_one_a_second_still_moves() -> None:
    pace = Pace(1)
    pace.took(pace.room(0.0, 128))
    assert pace.room(0.4, 128) == 0
    assert pace.room(1.1, 128) == 1


def test_without_a_pace_there_is_room_for_all() -> None:
    pace = Pace(None)
    pace.took(1000)
    assert (pace.room(0.0, 128), pace.rest_seconds()) == (128, 0.0)
