"""The trail of administrative changes: one row for each, in the transaction of the change itself."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
import structlog

from app.audit import trail_repository
from app.audit.chain import NO_ROWS, Entry, Head, Link, Problem, Walk, digest_of, sealed, unsealed
from app.storage.postgres import Database, Executor, Transaction

KEY_PURPOSE: Final = "audit trail"
PAGE_ROWS: Final = 1000
LOWEST_ID: Final = -(2**63)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Change:
    """One administrative change.

    Attributes:
        actor: who made it: `admin key`, or `cli:user@host`.
        action: what was done, as `noun.verb`.
        subject_id: the id of what was changed.
        before: what it was, as far as it can be changed; None for something new. Never a key or its digest.
        after: what it is now; None for something that is gone.
    """

    actor: str
    action: str
    subject_id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of the whole trail found; `head` is None when the stored one cannot be believed."""

    rows: int
    head: Head | None
    problems: Sequence[Problem]

    @property
    def is_whole(self) -> bool:
        """Whether every row is the one that was written, and none is missing."""
        return not self.problems


class AuditTrail:
    """The trail of one installation; `key` is what its digests are made with."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    async def append(self, transaction: Transaction, change: Change) -> None:
        """Adds a row that becomes visible with the change, or not at all.

        The transaction holds the head from here to its end, so this is the last thing it does.
        """
        stored, at = await trail_repository.lock_head(transaction, sealed(self._key, NO_ROWS))
        head = unsealed(self._key, stored)
        last_id = await trail_repository.last_id(transaction)
        if head is None or head.id < last_id:
            head = _after_a_gap(last_id)
        entry = Entry(
            id=head.id + 1,
            at_micros=(at - _EPOCH) // timedelta(microseconds=1),
            actor=change.actor,
            action=change.action,
            subject_id=change.subject_id,
            before=_json(change.before),
            after=_json(change.after),
        )
        digest = digest_of(self._key, head.digest, entry)
        new_head = sealed(self._key, Head(entry.id, digest))
        await trail_repository.add(transaction, entry, at=at, digest=digest, head=new_head)

    async def verify(self, database: Database, noted: Head | None = None) -> Verdict:
        """Reads the whole trail, a page at a time, and compares it with its head.

        Args:
            database: where the trail is.
            noted: a head that somebody wrote down earlier; the trail must still contain that very row.
        """
        walk = Walk(self._key, noted)
        async with database.transaction() as transaction:
            await trail_repository.begin_check(transaction)
            stored = await trail_repository.head(transaction)
            async for links in _pages(transaction):
                walk.read(links)
        head = unsealed(self._key, stored) if stored is not None else None
        if stored is None and walk.rows == 0:
            head = NO_ROWS
        return Verdict(walk.rows, head, walk.end(head))


async def _pages(executor: Executor) -> AsyncIterator[Sequence[Link]]:
    first_id = LOWEST_ID
    while links := await trail_repository.links(executor, first_id, PAGE_ROWS):
        yield links
        if len(links) < PAGE_ROWS:
            return
        first_id = links[-1].entry.id + 1


def _after_a_gap(last_id: int) -> Head:
    """Where to go on when the head is forged, gone or old: behind a number that stays missing for ever.

    To refuse would keep an operator from revoking keys at the worst moment; to go on without a gap would
    give a forged end of the chain a good head again.
    """
    log.error("audit.head_forged")
    return Head(last_id + 1, NO_ROWS.digest)


def _json(value: Mapping[str, Any] | None) -> str | None:
    """JSON that is the same for the same value: keys in order, times in UTC."""
    if value is None:
        return None
    return orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z).decode()
