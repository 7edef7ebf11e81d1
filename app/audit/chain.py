"""The chain of the audit trail: each row's digest covers the row and the digest before it. Pure.

The digests are keyed, so whoever can write to the database but does not hold the key cannot make a row that
fits, and cannot mend the rows after one that was changed. The head, kept apart from the rows, says where the
chain ends, so that a cut tail is found as well.
"""

import hmac
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

FIRST_ID: Final = 1
PROBLEMS_LIMIT: Final = 100

_NUMBER_BYTES: Final = 8
_NOTED: Final = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a row says. `before` and `after` are JSON texts; None where there was nothing, or is nothing left.

    Attributes:
        at_micros: when it happened, in microseconds since 1970; None for a time that no clock has shown.
    """

    id: int
    at_micros: int | None
    actor: str
    action: str
    subject_id: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Link:
    """A row as it is stored: what it says, and its digest."""

    entry: Entry
    digest: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends: the id and the digest of its last row; id 0 for a chain without rows."""

    id: int
    digest: bytes

    def __str__(self) -> str:
        return f"{self.id}:{self.digest.hex()}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """The head that a note like `12:5e6f…` names.

        Raises:
            ValueError: it is not such a note.
        """
        noted = _NOTED.fullmatch(text)
        if noted is None:
            raise ValueError("a noted head is a row's number, a colon and the 64 digits of its digest")
        return cls(int(noted[1]), bytes.fromhex(noted[2]))


NO_ROWS: Final = Head(0, bytes(32))


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that an untouched chain does not have; `row_id` is None where it is the head itself."""

    row_id: int | None
    detail: str


def digest_of(key: bytes, previous: bytes, entry: Entry) -> bytes:
    """The digest of a row that follows the one with the digest `previous`, 32 bytes."""
    return hmac.digest(key, b"row" + _number(len(previous)) + previous + _encoded(entry), "sha256")


def sealed(key: bytes, head: Head) -> str:
    """The head as it is stored, with a code that only a holder of the key can make."""
    return json.dumps({"id": head.id, "digest": head.digest.hex(), "mac": _mac(key, head)})


def unsealed(key: bytes, text: str) -> Head | None:
    """The head behind a stored text; None when it was not made with this key."""
    try:
        stored = json.loads(text)
        head = Head(int(stored["id"]), bytes.fromhex(stored["digest"]))
        is_ours = hmac.compare_digest(str(stored["mac"]).encode(), _mac(key, head).encode())
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return head if is_ours else None


class Walk:
    """Reads a chain from its first row to its last, a part at a time, and notes what is wrong.

    Args:
        noted: a head that somebody wrote down earlier; the chain must still contain it.
    """

    def __init__(self, key: bytes, noted: Head | None = None) -> None:
        self._key = key
        self._noted = noted
        self._met_noted = noted is None or noted == NO_ROWS
        self._last = NO_ROWS
        self.rows = 0
        self.problems: list[Problem] = []

    def read(self, links: Sequence[Link]) -> None:
        """Checks the next rows, which are in the order of their numbers."""
        for link in links:
            self.problems += islice(self._faults_of(link), PROBLEMS_LIMIT - len(self.problems))
            self._last = max(self._last, Head(link.entry.id, link.digest), key=lambda head: head.id)
            self._met_noted |= self._last == self._noted
            self.rows += 1

    def end(self, head: Head | None) -> list[Problem]:
        """Compares the end of the rows with the head; all problems of the chain.

        Args:
            head: None when the stored one was not made with the key, or is gone.
        """
        self.problems += self._faults_of_end(head)
        if self._noted is not None and not self._met_noted:
            detail = f"row {self._noted.id} is not the one that was noted: the trail was cut or replaced"
            self.problems.append(Problem(self._noted.id, detail))
        return self.problems

    def _faults_of(self, link: Link) -> Iterable[Problem]:
        number, expected = link.entry.id, self._last.id + 1
        if number < expected:
            yield Problem(number, f"row {number} was inserted: numbers begin with {FIRST_ID}")
        elif number > expected:
            # Without the row before it, nothing can be said of this one.
            yield _missing(expected, number - 1)
        elif not hmac.compare_digest(link.digest, digest_of(self._key, self._last.digest, link.entry)):
            yield Problem(number, f"row {number} was changed, or is not the one that followed {number - 1}")

    def _faults_of_end(self, head: Head | None) -> Iterable[Problem]:
        if head is None:
            yield Problem(None, "the head is gone, or is not one that this gateway made")
        elif head.id > self._last.id:
            yield _missing(self._last.id + 1, head.id)
        elif head.id < self._last.id:
            yield Problem(head.id + 1, f"row {head.id + 1} and those after it were inserted behind the head")
        elif head.digest != self._last.digest:
            yield Problem(head.id, f"row {head.id} is not the one that the head names")


def verify(key: bytes, links: Iterable[Link], head: Head | None) -> list[Problem]:
    """Everything that is wrong with a whole chain; nothing for an untouched one."""
    walk = Walk(key)
    walk.read(list(links))
    return walk.end(head)


def _missing(first: int, last: int) -> Problem:
    if first == last:
        return Problem(first, f"row {first} is missing")
    return Problem(first, f"rows {first} to {last} are missing")


def _mac(key: bytes, head: Head) -> str:
    return hmac.digest(key, b"head" + _number(head.id) + head.digest, "sha256").hex()


def _encoded(entry: Entry) -> bytes:
    """Different entries give different bytes: numbers have one width, texts their length before them."""
    texts = (entry.actor, entry.action, entry.subject_id, entry.before, entry.after)
    at = None if entry.at_micros is None else str(entry.at_micros)
    return b"".join((_number(entry.id), _text(at), *(_text(text) for text in texts)))


def _number(value: int) -> bytes:
    return value.to_bytes(_NUMBER_BYTES, "big", signed=True)


def _text(text: str | None) -> bytes:
    if text is None:
        return b"\0"
    encoded = text.encode()
    return b"\1" + _number(len(encoded)) + encoded
