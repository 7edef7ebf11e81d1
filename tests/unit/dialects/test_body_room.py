"""Room for large bodies: a share for each key, and no more than there is for all."""

from uuid import UUID

import pytest

from app.dialects.body_room import BodyRoom
from app.errors import RateLimited

A, B, C, D = (UUID(int=number) for number in range(1, 5))


def test_nobody_takes_more_than_a_quarter() -> None:
    room = BodyRoom(100, largest_bytes=20)
    room.take(20, A)
    with pytest.raises(RateLimited, match="one key"):
        room.take(6, A)
    room.take(5, A)
    for owner in (B, C, None):
        room.take(25, owner)


def test_all_together_have_what_there_is() -> None:
    room = BodyRoom(100, largest_bytes=30)
    for owner in (A, B, C):
        room.take(30, owner)
    with pytest.raises(RateLimited, match="100 bytes"):
        room.take(11, D)
    room.give_back(30, B)
    room.take(30, D)


def test_the_largest_body_always_fits_into_a_share() -> None:
    room = BodyRoom(25, largest_bytes=25)
    room.take(25, A)
    room.give_back(25, A)
    room.take(25, B)


def test_whoever_holds_nothing_is_forgotten() -> None:
    room = BodyRoom(100, largest_bytes=10)
    room.take(10, A)
    room.take(10, A)
    room.give_back(10, A)
    assert len(room) == 1
    with pytest.raises(RateLimited):
        room.take(16, A)
    room.give_back(10, A)
    assert len(room) == 0
