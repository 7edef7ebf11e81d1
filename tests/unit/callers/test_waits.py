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


def tokens(number: int) -> list[Caller]:
    return [replace(KEY, token_id=uuid4()) for _ in range(number)]


def test_keys_have_places_of_their_own() -> None:
    waits = Waits(1)
    with ExitStack() as stack:
        for caller in (KEY, replace(KEY, key_id=uuid4())):
            stack.enter_context(waits.place(caller))
            with pytest.raises(TooManyWaiting):
                waits.place(caller)


def test_a_browser_token_takes_a_quarter_of_its_keys_places() -> None:
    waits = Waits(8)
    [token, other] = tokens(2)
    with waits.place(token), waits.place(token):
        assert waits.place_if_free(token) is None
        with waits.place(other), waits.place(KEY):
            pass
    with waits.place(token):
        pass


def test_any_number_of_browser_tokens_has_the_places_of_one_key() -> None:
    waits = Waits(4)
    with ExitStack() as stack:
        for token in tokens(4):
            stack.enter_context(waits.place(token))
        for refused in (KEY, *tokens(1)):
            assert waits.place_if_free(refused) is None
        stack.enter_context(waits.place(replace(KEY, key_id=uuid4())))
    with waits.place(KEY):
        pass
    assert len(waits) == 0


def test_what_nobody_holds_is_forgotten() -> None:
    waits = Waits(1)
    for _ in range(100):
        with waits.place(replace(KEY, token_id=uuid4())):
            assert len(waits) == 2
    assert len(waits) == 0
