import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.callers.key_material import (
    BASE62,
    CALLER_PREFIX,
    KEY_LENGTH,
    digest_of,
    hint_of,
    is_well_formed,
    new_key,
)


def test_a_new_key_is_well_formed_and_new() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(
        is_well_formed(key) and key.startswith(CALLER_PREFIX) and len(key) == KEY_LENGTH for key in keys
    )


@given(
    position=st.integers(min_value=len(CALLER_PREFIX), max_value=KEY_LENGTH - 1),
    other=st.sampled_from(BASE62),
)
def test_one_wrong_character_is_noticed(position: int, other: str) -> None:
    key = new_key()
    changed = key[:position] + other + key[position + 1 :]
    assert is_well_formed(changed) == (changed == key)


@given(st.text())
def test_other_texts_are_not_keys(text: str) -> None:
    assert not is_well_formed(text)


@pytest.mark.parametrize(
    "change", [str.lower, str.upper, lambda key: key + "0", lambda key: key[:-1], lambda key: " " + key]
)
def test_a_mangled_key_is_not_well_formed(change: object) -> None:
    assert callable(change)
    assert not is_well_formed(change(new_key()))


def test_digests_differ_by_key_and_by_pepper() -> None:
    one, other = new_key(), new_key()
    assert len(digest_of(one, b"a")) == 32
    assert digest_of(one, b"a") == digest_of(one, b"a")
    assert len({digest_of(one, b"a"), digest_of(one, b"b"), digest_of(other, b"a")}) == 3
    assert one.encode() not in digest_of(one, b"a")


def test_the_hint_is_the_end_of_the_key() -> None:
    key = new_key()
    assert key.endswith(hint_of(key))
    assert len(hint_of(key)) == 4
