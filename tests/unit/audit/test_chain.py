"""Whatever is done to a chain without its key is found."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit.chain import NO_ROWS, Entry, Head, Link, Problem, Walk, digest_of, sealed, unsealed, verify

KEY = b"the key of the trail"
OTHER_KEY = b"another key"

texts = st.text(max_size=12)
contents = st.tuples(st.integers(0, 2**52), texts, texts, texts, st.none() | texts, st.none() | texts)


def chain_of(rows: list[tuple[Any, ...]], key: bytes = KEY) -> list[Link]:
    links: list[Link] = []
    previous = NO_ROWS.digest
    for number, row in enumerate(rows, 1):
        entry = Entry(number, *row)
        previous = digest_of(key, previous, entry)
        links.append(Link(entry, previous))
    return links


def head_of(links: list[Link]) -> Head:
    return Head(links[-1].entry.id, links[-1].digest) if links else NO_ROWS


def row(word: str) -> tuple[Any, ...]:
    return (1_700_000_000_000_000, "admin key", "team.change", word, '{"name":"a"}', '{"name":"b"}')


FIVE = chain_of([row(word) for word in "abcde"])


def found_in(links: list[Link], head: Head | None = head_of(FIVE)) -> list[int | None]:  # noqa: B008 # a frozen value
    return [problem.row_id for problem in verify(KEY, links, head)]


@given(st.lists(contents, max_size=6))
def test_an_untouched_chain_is_whole(rows: list[tuple[Any, ...]]) -> None:
    links = chain_of(rows)
    assert verify(KEY, links, head_of(links)) == []


@given(st.lists(contents, min_size=1, max_size=6), st.data())
def test_an_edit_of_any_field_is_found(rows: list[tuple[Any, ...]], data: st.DataObject) -> None:
    links = chain_of(rows)
    place = data.draw(st.integers(0, len(links) - 1))
    other = data.draw(contents.filter(lambda drawn: drawn != rows[place]))
    fields = ("at_micros", "actor", "action", "subject_id", "before", "after")
    field = data.draw(
        st.sampled_from([name for name, a, b in zip(fields, rows[place], other, strict=True) if a != b])
    )
    edited = replace(links[place].entry, **{field: other[fields.index(field)]})
    tampered = [*links[:place], Link(edited, links[place].digest), *links[place + 1 :]]
    assert [problem.row_id for problem in verify(KEY, tampered, head_of(links))] == [place + 1]


@given(st.lists(contents, min_size=1, max_size=6), st.data())
def test_a_missing_row_is_found_wherever_it_was(rows: list[tuple[Any, ...]], data: st.DataObject) -> None:
    links = chain_of(rows)
    place = data.draw(st.integers(0, len(links) - 1))
    left = [*links[:place], *links[place + 1 :]]
    assert [problem.row_id for problem in verify(KEY, left, head_of(links))] == [place + 1]


@pytest.mark.parametrize(
    ("name", "links", "problems"),
    [
        ("first gone", FIVE[1:], [Problem(1, "row 1 is missing")]),
        ("two in the middle gone", [FIVE[0], *FIVE[3:]], [Problem(2, "rows 2 to 3 are missing")]),
        ("last two gone", FIVE[:3], [Problem(4, "rows 4 to 5 are missing")]),
        ("all gone", [], [Problem(1, "rows 1 to 5 are missing")]),
    ],
)
def test_what_is_missing_is_named(name: str, links: list[Link], problems: list[Problem]) -> None:
    assert verify(KEY, links, head_of(FIVE)) == problems, name


def test_rows_in_each_others_places_are_found() -> None:
    second, third = FIVE[1], FIVE[2]
    swapped = [
        FIVE[0],
        Link(replace(third.entry, id=2), third.digest),
        Link(replace(second.entry, id=3), second.digest),
        *FIVE[3:],
    ]
    assert found_in(swapped) == [2, 3, 4]
    only_contents = [
        FIVE[0],
        Link(replace(third.entry, id=2), second.digest),
        Link(replace(second.entry, id=3), third.digest),
        *FIVE[3:],
    ]
    assert found_in(only_contents) == [2, 3]


def test_rows_that_moved_up_after_one_was_taken_out_are_found() -> None:
    moved = [Link(replace(link.entry, id=link.entry.id - 1), link.digest) for link in FIVE[2:]]
    assert found_in([FIVE[0], *moved])[0] == 2


@pytest.mark.parametrize("number", [-3, 0, 6])
def test_a_row_that_another_key_made_is_found(number: int) -> None:
    entry = Entry(number, *row("f"))
    forged = Link(entry, digest_of(OTHER_KEY, FIVE[-1].digest, entry))
    assert found_in(sorted([*FIVE, forged], key=lambda link: link.entry.id))[0] == number


def test_a_row_that_is_forged_in_the_middle_shows_from_there_on() -> None:
    entry = Entry(3, *row("forged"))
    forged = Link(entry, digest_of(OTHER_KEY, FIVE[1].digest, entry))
    after = [Link(replace(link.entry, id=link.entry.id + 1), link.digest) for link in FIVE[2:]]
    assert found_in([*FIVE[:2], forged, *after])[:2] == [3, 4]


def test_a_row_of_another_history_is_found() -> None:
    """It was made with the key and has the right number, but it never followed this row."""
    fork = chain_of([row(word) for word in "abxde"])
    assert found_in([*FIVE[:3], fork[3], FIVE[4]])[0] == 4


def test_an_edited_digest_is_found() -> None:
    assert found_in([*FIVE[:4], replace(FIVE[4], digest=bytes(32))]) == [5, 5]


def test_no_head_is_a_problem_of_its_own() -> None:
    assert found_in(FIVE, None) == [None]


@pytest.mark.parametrize("number", range(5))
def test_a_cut_chain_with_a_head_that_was_right_once_is_found_by_a_later_note(number: int) -> None:
    """Nothing in the database tells it from a chain that never went on; a note made elsewhere does."""
    cut = FIVE[:number]
    assert verify(KEY, cut, head_of(cut)) == []
    walk = Walk(KEY, noted=head_of(FIVE))
    walk.read(cut)
    assert [problem.row_id for problem in walk.end(head_of(cut))] == [5]


def test_a_note_of_any_earlier_head_still_fits() -> None:
    for number in range(6):
        walk = Walk(KEY, noted=head_of(FIVE[:number]))
        walk.read(FIVE[:2])
        walk.read(FIVE[2:])
        assert walk.end(head_of(FIVE)) == []


def test_another_key_fits_nowhere() -> None:
    assert [problem.row_id for problem in verify(OTHER_KEY, FIVE, head_of(FIVE))] == [1, 2, 3, 4, 5]


def test_only_the_first_hundred_problems_are_told() -> None:
    links = chain_of([row(str(number)) for number in range(150)], OTHER_KEY)
    assert len(verify(KEY, links, head_of(links))) == 100


@given(contents, contents)
def test_different_entries_have_different_digests(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    digests = {digest_of(KEY, NO_ROWS.digest, Entry(1, *content)) for content in (one, other)}
    assert (len(digests) == 1) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")),
        (("", "abc"), ("abc", "")),
        (("a\0", "b"), ("a", "\0b")),
    ],
)
def test_the_end_of_a_field_counts(one: tuple[str, str], other: tuple[str, str]) -> None:
    digests = {digest_of(KEY, b"", Entry(1, 1, *words, "id", None, None)) for words in (one, other)}
    assert len(digests) == 2


def test_nothing_is_not_an_empty_text() -> None:
    entry = Entry(1, 1, "a", "b", "c", None, None)
    assert digest_of(KEY, b"", entry) != digest_of(KEY, b"", replace(entry, before=""))


def test_a_head_is_read_again() -> None:
    head = head_of(FIVE)
    assert unsealed(KEY, sealed(KEY, head)) == head
    assert Head.parse(str(head)) == head


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "not JSON",
        sealed(OTHER_KEY, head_of(FIVE)),
        sealed(KEY, head_of(FIVE)).replace('"id": 5', '"id": 4'),
        sealed(KEY, head_of(FIVE)).replace('"id": 5', '"id": 99999999999999999999999'),
        sealed(KEY, head_of(FIVE)).replace('"id": 5', '"id": null'),
        sealed(KEY, head_of(FIVE)).replace(FIVE[-1].digest.hex(), FIVE[-2].digest.hex()),
        '{"id": 1, "digest": "zz", "mac": "é"}',
    ],
)
def test_a_head_that_is_not_ours_is_none(text: str) -> None:
    assert unsealed(KEY, text) is None


@pytest.mark.parametrize(
    "text", ["", "5", ":", "x:" + "0" * 64, "5:" + "0" * 63, "5:xyz", "-1:" + "0" * 64, "٣:" + "0" * 64]
)
def test_a_note_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a noted head"):
        Head.parse(text)
