from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit.cursor import Cursors
from app.errors import InvalidCursor

LAST = UUID("019cb019-b240-7077-85ce-1c5b43282796")
LISTING = [
    "jobs",
    {"team_id": UUID(int=5), "token_id": None},
    {"state": "failed", "starts_at": datetime(2026, 1, 1, tzinfo=UTC)},
]


def test_a_cursor_names_the_last_id_it_was_made_with() -> None:
    cursors = Cursors(b"a key")
    cursor = cursors.sign(LISTING, LAST)
    assert len(cursor) == 43
    assert cursors.read(LISTING, cursor) == LAST


@pytest.mark.parametrize(
    "other",
    [
        ["keys", *LISTING[1:]],
        ["jobs", {"team_id": UUID(int=6), "token_id": None}, LISTING[2]],
        ["jobs", {"team_id": UUID(int=5), "token_id": UUID(int=5)}, LISTING[2]],
        ["jobs", LISTING[1], {**LISTING[2], "state": None}],  # type: ignore[dict-item] # a mixed list
        ["jobs", LISTING[1], {**LISTING[2], "starts_at": datetime(2026, 1, 2, tzinfo=UTC)}],  # type: ignore[dict-item] # a mixed list
        [],
    ],
)
def test_it_is_worth_nothing_in_another_listing(other: list[object]) -> None:
    cursors = Cursors(b"a key")
    with pytest.raises(InvalidCursor):
        cursors.read(other, cursors.sign(LISTING, LAST))


def test_it_is_worth_nothing_with_another_key() -> None:
    with pytest.raises(InvalidCursor):
        Cursors(b"another key").read(LISTING, Cursors(b"a key").sign(LISTING, LAST))


def test_each_id_has_a_cursor_of_its_own() -> None:
    cursors = Cursors(b"a key")
    assert len({cursors.sign(LISTING, uuid4()) for _ in range(100)}) == 100


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{40,44}", fullmatch=True))
def test_no_text_is_a_fault_and_none_is_ours(text: str) -> None:
    with pytest.raises(InvalidCursor):
        Cursors(b"a key").read(LISTING, text)
