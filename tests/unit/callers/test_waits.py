"""Places of those who wait: so many for a credential, and each is given back once."""

from contextlib import ExitStack
from dataclasses import replace
from uuid import uuid4

import pytest

from app.callers.caller import Caller
from app.callers.waits import Waits
from app.errors import TooManyWaiting

KEY = Caller(key_id=uuid4(), key_name="a key", team_id=uuid4(), team_name="a team")


def test_places_are_given_back() -> None:
    waits = Waits(2)
    for _ in range(3):
        with waits.place(KEY), waits.place(KEY):
            with pytest.raises(TooManyWaiting) as refused:
                waits.place(KEY)
            assert refused.value.retry_after_seconds
            assert waits.place_if_free(KEY) is None


def test_a_fault_within_gives_it_back_too() -> None:
    waits = Waits(1)
    with pytest.raises(ValueError, match="oops"), waits.place(KEY):
        raise ValueError("oops")
    with waits.place(KEY):
        pass


def test_keys_and_browser_tokens_have_places_of_their_own() -> None:
    waits = Waits(1)
    others = replace(KEY, key_id=uuid4()), replace(KEY, token_id=uuid4()), replace(KEY, token_id=uuid4())
    with ExitStack() as stack:
        for caller in (KEY, *others):
            stack.enter_context(waits.place(caller))
            with pytest.raises(TooManyWaiting):
                waits.place(caller)


def test_what_nobody_holds_is_forgotten() -> None:
    waits = Waits(1)
    for _ in range(100):
        with waits.place(replace(KEY, token_id=uuid4())):
            assert len(waits) == 1
    assert len(waits) == 0
