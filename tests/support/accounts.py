"""Limits of the callers that tests make, and what is counted against them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID, uuid4

from app.callers.key_material import digest_of
from tests.support.caller import Caller
from tests.support.database import Database
from tests.support.gateway import Gateway, make_keys
from tests.support.stores import PEPPER
from tests.support.waiting import until

Returned = TypeVar("Returned")

COUNTERS = ("reserved_micros", "spent_micros", "images", "in_flight")
NOTHING = dict.fromkeys(COUNTERS, 0)

# Derived anew from the ledger and the jobs, and laid beside the counters.
DIFFERENCES = """
    SELECT a.scope, a.reserved_micros, a.spent_micros, a.images, a.in_flight, d.*
    FROM allowances a
    CROSS JOIN LATERAL (
        SELECT COALESCE(sum(l.reserved_micros) FILTER (WHERE is_present), 0) AS ledger_reserved,
            COALESCE(sum(l.spent_micros) FILTER (WHERE is_present), 0) AS ledger_spent,
            COALESCE(sum(CASE WHEN j.completed_at IS NULL THEN j.images_asked ELSE j.images END)
                     FILTER (WHERE is_present AND l.kind = 'reserve'), 0) AS job_images,
            count(*) FILTER (WHERE l.kind = 'reserve' AND j.completed_at IS NULL) AS open_jobs
        FROM jobs j JOIN ledger l ON l.job_id = j.id
        CROSS JOIN LATERAL (SELECT j.created_at >= a.window_start AS is_present) AS windows
        WHERE a.scope_id IN (j.team_id, j.key_id, j.token_id) AND j.source_job_id IS NULL
    ) AS d
    WHERE (a.reserved_micros, a.spent_micros, a.images, a.in_flight)
        IS DISTINCT FROM (d.ledger_reserved, d.ledger_spent, d.job_images, d.open_jobs)
"""


@dataclass(frozen=True)
class Account:
    """A team and one of its keys, as the database knows them."""

    database: Database
    team_id: UUID
    key_id: UUID

    @classmethod
    def of(cls, database: Database, caller: Caller) -> "Account":
        """The account behind a caller's key."""
        digest = digest_of(caller.key, PEPPER.encode())
        [row] = database.rows("SELECT team_id, id FROM api_keys WHERE digest = $1", digest)
        return cls(database, row["team_id"], row["id"])

    @classmethod
    def new(cls, database: Database) -> "Account":
        """A team with one key."""
        digest = digest_of(make_keys(database, 1)[0], PEPPER.encode())
        [row] = database.rows("SELECT team_id, id FROM api_keys WHERE digest = $1", digest)
        return cls(database, row["team_id"], row["id"])

    def limit_team(self, **limits: object) -> None:
        """Sets columns of the team's allowance."""
        self._limit(self.team_id, limits)

    def limit_key(self, **limits: object) -> None:
        """Sets columns of the key's allowance."""
        self._limit(self.key_id, limits)

    def team(self) -> dict[str, Any]:
        """What is counted against the team."""
        return self._counters(self.team_id)

    def key(self) -> dict[str, Any]:
        """What is counted against the key."""
        return self._counters(self.key_id)

    def ledger(self, job_id: str) -> list[tuple[str, int | None, int | None]]:
        """The entries of one job: kind, reserved, spent."""
        statement = "SELECT kind, reserved_micros, spent_micros FROM ledger WHERE job_id = $1 ORDER BY id"
        rows = self.database.rows(statement, UUID(job_id))
        return [(row["kind"], row["reserved_micros"], row["spent_micros"]) for row in rows]

    def _limit(self, scope_id: UUID, limits: dict[str, object]) -> None:
        for name, value in limits.items():
            self.database.rows(f"UPDATE allowances SET {name} = $1 WHERE scope_id = $2", value, scope_id)

    def _counters(self, scope_id: UUID) -> dict[str, Any]:
        [row] = self.database.rows("SELECT * FROM allowances WHERE scope_id = $1", scope_id)
        return {name: row[name] for name in COUNTERS}


def differences(database: Database) -> list[dict[str, Any]]:
    """Allowances whose counters are not what ledger and jobs say."""
    return database.rows(DIFFERENCES)


def while_full(
    gateway: Gateway, caller: Caller, call: Callable[[], Returned], *, operation: str = "submit"
) -> Returned:
    """What a call comes to that finds its key's only place taken, until it was refused for that once."""
    Account.of(gateway.database, caller).limit_key(max_in_flight=1)
    before = gateway.answered(429, operation)
    first = caller.job(f"somebody's cat {uuid4().hex} [slow 60]")
    with ThreadPoolExecutor(1) as threads:
        calling = threads.submit(call)
        until(lambda: gateway.answered(429, operation) > before)
        caller.cancel(first).raise_for_status()
        return calling.result()
