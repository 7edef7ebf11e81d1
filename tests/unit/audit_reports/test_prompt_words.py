"""The words of prompts, and what somebody who looks for some may write."""

import pytest

from app.audit.prompt_words import LONGEST_WORD, as_query, as_vector, parse_question, words_of

WORDS = [
    ("A cat, a CAT!", {"a", "cat"}),
    ("cat/dog foo-bar my_file v1.5", {"cat", "dog", "foo", "bar", "my", "file", "v1", "5"}),
    ("Café ÉLAN Straße", {"cafe", "elan", "strasse"}),
    ("一只猫 on a roof", {"一", "只", "猫", "on", "a", "roof"}),
    ("ねこcat", {"ね", "こ", "cat"}),
    ("it's <script>", {"it", "s", "script"}),
    ("\u202ecat\u202c \ufb01lm", {"cat", "film"}),
    ("", set()),
    ("?!… —", set()),
]


@pytest.mark.parametrize(("prompt", "words"), WORDS)
def test_a_prompt_is_its_different_words(prompt: str, words: set[str]) -> None:
    assert words_of(prompt) == words


def test_what_is_long_is_cut_on_both_sides_alike() -> None:
    assert words_of("x" * 5000) == {"x" * LONGEST_WORD}
    assert parse_question("X" * 200) == ("x" * LONGEST_WORD,)
    assert words_of("a " * 30_000 + "zebra") == {"a"}


def test_a_question_is_its_words_in_order() -> None:
    assert parse_question("Red  cats, red %%_dogs") == ("red", "cats", "dogs")


@pytest.mark.parametrize("text", ["%%%%_", "?!", "\u202e", "x" * 201, " ".join(map(str, range(13)))])
def test_what_cannot_be_looked_for_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write at"):
        parse_question(text)


def test_longer_words_are_the_beginnings_of_words() -> None:
    assert as_query(("an", "light"), ["=tx"]) == "'an' & 'light':* & '=tx'"
    assert as_query(("red", "cats", "dawn"), []) == "'red' & 'cats' & 'dawn'"
    assert as_vector({"cat", "a"}, ["=m/x"]) == "'a' 'cat' '=m/x'"
