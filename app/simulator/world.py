"""Everything a simulated upstream knows: its jobs, its lanes, its journal and who called what how often."""

import time
from collections import Counter
from typing import Any
from uuid import uuid4

from app.simulator.directives import Route, Trouble
from app.simulator.journal import Journal
from app.simulator.lanes import Job, Lanes
from app.simulator.options import SimulatorOptions
from app.simulator.orders import Order, read_order


class World:
    """The state behind the routes; a journal, where there is one, is written before any answer."""

    def __init__(self, options: SimulatorOptions) -> None:
        self.options = options
        self.jobs: dict[str, Job] = {}
        self.calls: Counter[str] = Counter()
        self._lanes = Lanes(options.concurrency)
        self._troubles: Counter[tuple[Trouble, str]] = Counter()
        self._latest = 0.0
        self._journal = Journal(options.journal) if options.journal else None
        for line in self._journal.read() if self._journal else ():
            self._replay(line)

    def now(self) -> float:
        """Unix seconds that never go back, with all lanes caught up."""
        self._latest = max(self._latest, time.time())
        self._lanes.catch_up(self._latest)
        return self._latest

    def order(self, model: str, body: dict[str, Any]) -> tuple[str, Order]:
        """A fresh id and the checked order under it; nothing is accepted yet."""
        job_id = str(uuid4())
        return job_id, read_order(model, body, job_id)

    def accept(
        self,
        job_id: str,
        order: Order,
        *,
        path: str,
        body: dict[str, Any],
        headers: dict[str, str],
        base_url: str,
        webhook: str | None,
    ) -> Job:
        """Takes a job: from here on it runs, whatever is answered."""
        slow = order.directives.slow
        job = Job(
            id=job_id,
            order=order,
            path=path,
            body=body,
            headers=headers,
            accepted_at=self.now(),
            run_seconds=self.options.run_seconds * order.pace if slow is None else slow,
            webhook=webhook,
            base_url=base_url,
            is_fetching=self.options.fetch_images and bool(order.asked.pictures),
        )
        self._record(
            event="accepted",
            id=job.id,
            model=order.model,
            path=path,
            body=body,
            headers=headers,
            at=job.accepted_at,
            run_seconds=job.run_seconds,
            base_url=base_url,
            webhook=webhook,
        )
        self._enter(job)
        return job

    def note_told(self, job: Job) -> None:
        """The webhook of a job has been taken, or nobody will ever take it."""
        if job.id in self.jobs:
            self._record(event="told", id=job.id, at=self.now())

    def cancel(self, job: Job) -> None:
        """Stops a job that has not completed."""
        now = self.now()
        self._record(event="cancelled", id=job.id, at=now)
        self._lanes.remove(job, now)

    def position(self, job: Job) -> int:
        """How many jobs are to start before this one."""
        return self._lanes.position(job)

    def next_trouble(self, route: Route, order: Order, key: str) -> Trouble | None:
        """The trouble that a call of this route is in for; it counts as having happened."""
        for trouble in order.directives.troubles:
            if trouble.route != route:
                continue
            self._troubles[trouble, key] += 1
            if trouble.times is None or self._troubles[trouble, key] <= trouble.times:
                return trouble
        return None

    def reset(self) -> None:
        """Forgets every job and every count."""
        self._record(event="reset", at=self.now())
        self._forget()

    def close(self) -> None:
        """Closes the journal."""
        if self._journal:
            self._journal.close()

    def _record(self, **line: object) -> None:
        if self._journal:
            self._journal.write(line)

    def _replay(self, line: dict[str, Any]) -> None:
        self._latest = max(self._latest, line["at"])
        self._lanes.catch_up(self._latest)
        if line["event"] == "reset":
            self._forget()
        elif line["event"] == "cancelled":
            self._lanes.remove(self.jobs[line["id"]], line["at"])
        elif line["event"] == "told":
            self.jobs[line["id"]].is_told = True
        else:
            order = read_order(line["model"], line["body"], line["id"])
            fields = ("id", "path", "body", "headers", "run_seconds", "base_url", "webhook")
            taken = {name: line[name] for name in fields if name in line}
            self._enter(Job(order=order, accepted_at=line["at"], **taken))

    def _enter(self, job: Job) -> None:
        self.jobs[job.id] = job
        self._lanes.enter(job)

    def _forget(self) -> None:
        self.jobs.clear()
        self.calls.clear()
        self._troubles.clear()
        self._lanes = Lanes(self.options.concurrency)
