"""Which job runs when: a queue in front of a fixed number of lanes, caught up when somebody asks."""

import heapq
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from app.simulator.orders import Order


@dataclass(slots=True)
class Job:
    """One accepted job; all times are unix seconds, and a time to come is already known once it runs.

    Attributes:
        webhook: where to send the news of its end.
        is_told: whether that has been taken.
        base_url: under which address this upstream was called, and its pictures can be fetched.
        is_fetching: it does not end before its pictures have been fetched, or could not be.
        unreadable: the first given picture that could not be fetched.
        fetches: every picture that was fetched for it.
        webhook_tries: every time its webhook was sent, with what was answered.
    """

    id: str
    order: Order
    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    accepted_at: float
    run_seconds: float
    ticket: int = -1
    started_at: float | None = None
    ends_at: float | None = None
    cancelled_at: float | None = None
    webhook: str | None = None
    base_url: str = ""
    is_told: bool = False
    is_fetching: bool = False
    unreadable: str | None = None
    fetches: list[dict[str, Any]] = field(default_factory=list)
    webhook_tries: list[dict[str, Any]] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)

    def state(self, now: float) -> str:
        """The state in fal's words."""
        if self.cancelled_at is not None:
            return "COMPLETED"
        if self.started_at is None or self.ends_at is None:
            return "IN_QUEUE"
        return "IN_PROGRESS" if now < self.ends_at or self.is_fetching else "COMPLETED"


class Lanes:
    """The queue and the lanes; no task or timer runs, every question first catches up with the clock."""

    def __init__(self, concurrency: int) -> None:
        self._free = concurrency
        self._tickets = 0
        self._held: list[tuple[float, int, Job]] = []
        self._waiting: list[int] = []
        self._by_ticket: dict[int, Job] = {}
        self._running: list[tuple[float, int, Job]] = []

    def enter(self, job: Job) -> None:
        """Puts an accepted job behind all others, or holds it first as long as its prompt asks."""
        self.catch_up(job.accepted_at)
        self._tickets += 1
        job.ticket = self._tickets
        if job.order.directives.queue:
            heapq.heappush(self._held, (job.accepted_at + job.order.directives.queue, job.ticket, job))
            return
        self._wait(job)
        self._start(job.accepted_at)

    def catch_up(self, now: float) -> None:
        """Lets everything happen that was due up to now, in its order."""
        while self._next_moment() <= now:
            if self._running and self._running[0][0] == self._next_moment():
                moment, _, _ = heapq.heappop(self._running)
                self._free += 1
            else:
                moment, _, job = heapq.heappop(self._held)
                self._wait(job)
            self._start(moment)

    def position(self, job: Job) -> int:
        """How many jobs are to start before this one."""
        return bisect_left(self._waiting, job.ticket)

    def remove(self, job: Job, now: float) -> None:
        """Takes a cancelled job out, wherever it is, and lets the next one start."""
        job.cancelled_at = now
        if job.ticket in self._by_ticket:
            del self._by_ticket[job.ticket], self._waiting[self.position(job)]
        elif job.started_at is None:
            self._held = [entry for entry in self._held if entry[2] is not job]
            heapq.heapify(self._held)
        else:
            self._running = [entry for entry in self._running if entry[2] is not job]
            heapq.heapify(self._running)
            self._free += 1
            self._start(now)

    def _next_moment(self) -> float:
        return min(entries[0][0] if entries else float("inf") for entries in (self._running, self._held))

    def _wait(self, job: Job) -> None:
        # A job that was held keeps the place it had when it came, so tickets stay sorted by insertion.
        self._waiting.insert(bisect_left(self._waiting, job.ticket), job.ticket)
        self._by_ticket[job.ticket] = job

    def _start(self, now: float) -> None:
        while self._free and self._waiting:
            job = self._by_ticket.pop(self._waiting.pop(0))
            self._free -= 1
            job.started_at, job.ends_at = now, now + job.run_seconds
            heapq.heappush(self._running, (job.ends_at, job.ticket, job))
