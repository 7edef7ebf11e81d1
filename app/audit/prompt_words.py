"""The words of a prompt, by which it is found again, and the words that somebody looks for. Pure.

PostgreSQL's own parser takes `cat/dog` for a path and a Chinese sentence for one word, and knows capital
letters only as far as the database's locale goes; so the words are made here, for both sides alike.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

# What is beyond is not found; no listed model takes as much.
LOOKED_AT_CHARACTERS: Final = 50_000
LONGEST_WORD: Final = 64
LONGEST_QUESTION: Final = 200
MOST_WORDS: Final = 12
# Shorter ones are meant as they stand: there is hardly a prompt without a word that begins with `a`. So are
# those of longer questions: to gather all jobs for each of a dozen beginnings takes half a second.
PREFIX_CHARACTERS: Final = 3
PREFIX_WORDS: Final = 2
# Marks leave others out and prove nothing, so the end of an id, which is chance, will do.
MARK_CHARACTERS: Final = 12

# Scripts that put no spaces between words: each character is one.
_ALONE: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_WORD: Final = re.compile(rf"[{_ALONE}]|(?:(?![{_ALONE}])[^\W_])+")
# Ids of models that may stand as marks; there is none with other signs.
MODEL_ID: Final = re.compile(r"[A-Za-z0-9._/-]{1,200}")
_ASCII_WORD: Final = re.compile(r"[a-z0-9]+")


def words_of(prompt: str) -> frozenset[str]:
    """The different words of a prompt: small letters and digits, without accents."""
    return frozenset(_words(prompt[:LOOKED_AT_CHARACTERS]))


def parse_question(text: str) -> tuple[str, ...]:
    """The words that all have to be in a prompt, for whoever looks for this text.

    Raises:
        ValueError: it is too long, or there is no word in it.
    """
    if len(text) > LONGEST_QUESTION:
        raise ValueError(f"write at most {LONGEST_QUESTION} characters")
    words = tuple(dict.fromkeys(_words(text)))
    if not words:
        raise ValueError("write at least one letter or digit to look for")
    if len(words) > MOST_WORDS:
        raise ValueError(f"write at most {MOST_WORDS} words")
    return words


def as_vector(words: Iterable[str], marks: Iterable[str]) -> str:
    """What PostgreSQL reads as the words of one prompt; there is nothing in them that needs escaping."""
    return " ".join(f"'{word}'" for word in (*sorted(words), *marks))


def as_query(words: Sequence[str], marks: Iterable[str]) -> str:
    """What PostgreSQL reads as: all these words, a few also as beginnings of others, and all these marks."""
    shortest = PREFIX_CHARACTERS if len(words) <= PREFIX_WORDS else LONGEST_WORD
    sought = [f"'{word}'{':*' if len(word) >= shortest else ''}" for word in words]
    return " & ".join([*sought, *(f"'{mark}'" for mark in marks)])


def team_mark(team_id: UUID) -> str:
    """Stands beside the words of a team's prompts; no word begins with such a sign."""
    return f"=t{team_id.hex[-MARK_CHARACTERS:]}"


def key_mark(key_id: UUID) -> str:
    """The same for a key."""
    return f"=k{key_id.hex[-MARK_CHARACTERS:]}"


def model_mark(model: str) -> str:
    """The same for a model, whose id holds no quotes."""
    return f"=m{model}"


def _words(text: str) -> Iterable[str]:
    if text.isascii():
        found = _ASCII_WORD.findall(text.lower())
    else:
        apart = unicodedata.normalize("NFKD", text.casefold())
        found = _WORD.findall("".join(one for one in apart if not unicodedata.combining(one)))
    return (word[:LONGEST_WORD] for word in found)
