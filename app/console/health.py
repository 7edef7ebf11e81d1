"""How the parts of the gateway are, for people: each with a word, and where it is not well with a reason."""

from dataclasses import dataclass
from typing import Final

from app.audit.overview_repository import overdue
from app.dialects.operator import readiness_of
from app.gateway import Gateway
from app.operations.health import PartState

NO_ANSWER: Final = "fault"
REFUSES_US: Final = frozenset({"401", "402", "403"})


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its state, and what to know about it."""

    name: str
    state: PartState
    note: str = ""


async def health_of(gateway: Gateway) -> list[Part]:
    """Every part, as this process sees it.

    Raises:
        StorageUnavailable: PostgreSQL went away meanwhile.
    """
    parts = (await readiness_of(gateway)).parts
    shown = [
        upstream_part(gateway.metrics.last_upstream_status, await gateway.jobs.repository.count_accepted()),
        Part("PostgreSQL", parts["postgres"]),
        redis_part(parts["redis"]),
        worker_part(parts["worker"], await overdue(gateway.database)),
    ]
    return [*shown, vault_part(parts["vault"])] if "vault" in parts else shown


def upstream_part(last_status: str | None, waiting: int) -> Part:
    """By what this process was answered last, and by what waits for the upstream everywhere. Pure."""
    if last_status in REFUSES_US:
        return Part("Upstream", PartState.DOWN, f"it refuses the gateway's key ({last_status})")
    if waiting:
        return Part("Upstream", PartState.DEGRADED, f"jobs that wait until it takes them: {waiting:,}")
    if last_status == NO_ANSWER:
        return Part("Upstream", PartState.DEGRADED, "it did not answer the last call")
    if last_status is not None and last_status.startswith("5"):
        return Part("Upstream", PartState.DEGRADED, f"it answered the last call with {last_status}")
    return Part("Upstream", PartState.OK, "" if last_status else "not asked yet since the start")


def redis_part(state: PartState) -> Part:
    """Pure."""
    note = "" if state is PartState.OK else "away: answers are right, and slower"
    return Part("Redis", state, note)


def vault_part(state: PartState) -> Part:
    """Pure."""
    note = "" if state is PartState.OK else "its store does not answer: copies are made later"
    return Part("Vault", state, note)


def worker_part(state: PartState, overdue_rows: int) -> Part:
    """By its own sign of life here, and by what nobody takes up anywhere. Pure."""
    if state is PartState.DOWN:
        return Part("Worker", state, "it gave no sign of life for ten seconds")
    if overdue_rows:
        return Part("Worker", PartState.DEGRADED, f"work that nobody takes up: {overdue_rows:,}")
    return Part("Worker", state, "another process works" if state is PartState.ELSEWHERE else "")
