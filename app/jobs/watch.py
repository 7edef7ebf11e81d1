"""Who in this process waits for news of which job, and how the news comes to them.

A move that this process makes is told at once. One of another process is told by a hint through Redis; should
hints not come, a timer asks the database about all jobs that anybody waits for, by one statement. So a
thousand waiting callers cost what one costs.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

from app.errors import StorageUnavailable
from app.jobs.job import JobView
from app.jobs.states import may_become

# With hints the timer only catches what was lost; without them it is all there is.
ROUND_SECONDS: Final = 1.0
ROUND_WITHOUT_HINTS_SECONDS: Final = 0.15
SWEEP_SECONDS: Final = 10.0
# Without hints a round waits so many times as long as the one before it took: thousands who wait must not
# take the database from those who work.
REST_FACTOR: Final = 5.0
AFTER_FAULT_SECONDS: Final = 1.0
NEAR_SECONDS: Final = 1.0

Standing = tuple[str, int | None, int]


class Hints(Protocol):
    """Where words of other processes come from."""

    @property
    def is_heard(self) -> bool:
        """Whether they come at all at present."""

    async def listen(self, tell: Callable[[list[str]], None]) -> None:
        """Hands them on until it is cancelled."""


class Stored(Protocol):
    """What the timer asks about jobs, for many at once."""

    async def standings(self, job_ids: Sequence[UUID]) -> dict[UUID, Standing]:
        """What shows whether a job has changed."""

    async def pull_nearer(self, job_ids: Sequence[UUID]) -> dict[UUID, float]:
        """Brings the next looks of late jobs nearer; in how many seconds those are now."""


class Watcher:
    """One who waits for news of a job."""

    def __init__(self, view: JobView) -> None:
        self.view = view
        self._news = asyncio.Event()

    def tell(self, view: JobView) -> None:
        """There is news: the job as it is now."""
        self.view = view
        self._news.set()

    @property
    def has_news(self) -> bool:
        """Whether there is news that was not waited for yet."""
        return self._news.is_set()

    def wake(self) -> None:
        """There is nothing more to wait for."""
        self._news.set()

    async def news(self, seconds: float | None) -> bool:
        """Waits for news, or so long; whether there is any."""
        try:
            # Not `wait_for`: Python 3.11's takes a cancellation for news when both come together.
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True


@dataclass(slots=True)
class _Watched:
    """A job that somebody waits for: how it was seen last, and when it is looked at and may be sooner."""

    view: JobView
    watchers: set[Watcher] = field(default_factory=set)
    look_at: float = float("inf")
    pull_at: float = float("inf")

    def see(self, view: JobView) -> None:
        now = time.monotonic()
        self.view = view
        self.look_at = now + (float("inf") if view.look_in_seconds is None else view.look_in_seconds)
        self.pull_at = now + (float("inf") if view.pull_in_seconds is None else view.pull_in_seconds)

    def is_late(self, now: float) -> bool:
        return self.pull_at <= now and now + NEAR_SECONDS < self.look_at < float("inf")


class Watch:
    """The jobs that anybody in this process waits for.

    Args:
        load: reads jobs as they are now.
        stored: asks the database about all of them.
        hints: what other processes say about jobs that they moved.
        due_in: tells this process's worker that something is due in so many seconds.
    """

    def __init__(
        self,
        *,
        load: Callable[[UUID], Awaitable[JobView | None]],
        stored: Stored,
        hints: Hints,
        due_in: Callable[[float], None],
    ) -> None:
        self._load = load
        self._stored = stored
        self._hints = hints
        self._due_in = due_in
        self._watched: dict[str, _Watched] = {}
        self._hinted: set[str] = set()
        self._has_hints = asyncio.Event()
        self._has_watchers = asyncio.Event()
        self._sweep_at = 0.0
        self.is_stopping = False

    @contextmanager
    def on(self, view: JobView) -> Iterator[Watcher]:
        """News of this job, from now on until the end of the block."""
        watcher = Watcher(view)
        watched = self._watched.get(view.id)
        if watched is None:
            watched = self._watched[view.id] = _Watched(view)
            watched.see(view)
            self._has_watchers.set()
        watched.watchers.add(watcher)
        try:
            yield watcher
        finally:
            watched.watchers.discard(watcher)
            if not watched.watchers:
                self._watched.pop(view.id, None)
            if not self._watched:
                self._has_watchers.clear()

    def told(self, view: JobView) -> None:
        """This job is like that now; what was read before something newer came is passed over."""
        watched = self._watched.get(view.id)
        if watched is None or watched.view.is_final or not may_become(watched.view.state, view.state):
            return
        watched.see(view)
        for watcher in watched.watchers:
            watcher.tell(view)

    def stop(self) -> None:
        """Lets everybody go who waits; twice is once."""
        self.is_stopping = True
        for watched in self._watched.values():
            for watcher in watched.watchers:
                watcher.wake()

    async def serve(self) -> None:
        """Brings news from elsewhere until it is cancelled; the lifespan keeps this in its task group."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hints.listen(self._hear))
            group.create_task(self._follow_hints())
            group.create_task(self._keep_time())

    def _hear(self, job_ids: list[str]) -> None:
        """Another process has just moved these jobs."""
        known = self._watched.keys() & job_ids
        if known:
            self._hinted |= known
            self._has_hints.set()

    async def _follow_hints(self) -> None:
        while True:
            await self._has_hints.wait()
            self._has_hints.clear()
            hinted, self._hinted = self._hinted, set()
            # What cannot be read now is caught by the timer.
            with suppress(StorageUnavailable):
                await self._read(hinted)

    async def _keep_time(self) -> None:
        while True:
            await self._has_watchers.wait()
            await asyncio.sleep(await self._round())

    async def _round(self) -> float:
        """What has changed and what is late; how long to rest then."""
        started = time.monotonic()
        try:
            if not self._hints.is_heard or started >= self._sweep_at:
                await self._read(await self._changed())
                self._sweep_at = time.monotonic() + SWEEP_SECONDS
            await self._pull_late()
        except StorageUnavailable:
            return AFTER_FAULT_SECONDS
        if self._hints.is_heard:
            return ROUND_SECONDS
        return max(ROUND_WITHOUT_HINTS_SECONDS, REST_FACTOR * (time.monotonic() - started))

    async def _read(self, job_ids: Iterable[str]) -> None:
        """Reads these jobs anew, all at once, and tells of them."""
        for view in await asyncio.gather(*(self._load(UUID(job_id)) for job_id in job_ids)):
            if view is not None:
                self.told(view)

    async def _changed(self) -> list[str]:
        seen = {UUID(job_id): _standing_of(watched.view) for job_id, watched in self._watched.items()}
        now = await self._stored.standings(list(seen)) if seen else {}
        return [str(job_id) for job_id, standing in now.items() if standing != seen[job_id]]

    async def _pull_late(self) -> None:
        """Jobs that are late and waited for are looked at sooner, once a second for all who wait."""
        now = time.monotonic()
        late = [UUID(job_id) for job_id, watched in self._watched.items() if watched.is_late(now)]
        pulled = await self._stored.pull_nearer(late) if late else {}
        for job_id, look_in_seconds in pulled.items():
            self._due_in(look_in_seconds)
            watched = self._watched.get(str(job_id))
            if watched is not None:
                watched.look_at = time.monotonic() + look_in_seconds


def _standing_of(view: JobView) -> Standing:
    return view.state, view.queue_position, len(view.logs or b"")
