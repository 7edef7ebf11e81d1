"""Everything that one process does in the background."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.admin.context import AdminContext
from app.jobs.context import JobContext
from app.jobs.job import ClaimedJob
from app.operations.tracing.tracing import Tracing
from app.retention.purge import open_retention
from app.vault.context import Vault
from app.vault.repository import ClaimedArchive
from app.webhooks.context import WebhookContext
from app.webhooks.delivery import ClaimedDelivery
from app.work.archiving import Archiving
from app.work.delivering import Delivering
from app.work.following import Following
from app.work.housekeeping import Housekeeping
from app.work.loop import Alarm, Worker
from app.work.traced import traced


@dataclass(frozen=True, slots=True)
class Bells:
    """What wakes the workers of this process."""

    follow: Alarm
    deliver: Alarm
    archive: Alarm


@dataclass(frozen=True, slots=True)
class Workers:
    """The workers of this process.

    Attributes:
        follower: follows jobs to their ends.
        courier: delivers webhooks.
        archivist: copies pictures.
        housekeeping: what nothing waits for.
    """

    follower: Worker[ClaimedJob]
    courier: Worker[ClaimedDelivery]
    archivist: Worker[ClaimedArchive]
    housekeeping: Housekeeping

    @property
    def claiming(self) -> Sequence[Worker[Any]]:
        """Those that take over rows of the work table."""
        return (self.follower, self.courier, self.archivist)

    def stop(self) -> None:
        """Nothing more is begun; what is under way is finished. Twice is once."""
        for worker in self.claiming:
            worker.stop()
        self.housekeeping.stop()


def open_workers(
    jobs: JobContext,
    webhooks: WebhookContext,
    vault: Vault,
    bells: Bells,
    *,
    admin: AdminContext,
    tracing: Tracing | None,
) -> Workers:
    """The workers as the settings ask for; nothing runs yet."""
    stop_seconds = jobs.settings.stop_timeout_seconds
    kept = jobs.repository.traceparents
    retention = open_retention(jobs.settings, admin.database, admin.pepper)
    follow = traced(Following(jobs), tracing, kept)
    deliver = traced(Delivering(webhooks, bells.deliver.now), tracing, kept)
    archive = traced(Archiving(vault), tracing, kept)
    return Workers(
        follower=Worker(
            follow,
            bells.follow,
            jobs.metrics,
            stop_seconds=stop_seconds,
            per_second=jobs.settings.worker_looks_per_second,
        ),
        courier=Worker(deliver, bells.deliver, jobs.metrics, stop_seconds=stop_seconds),
        archivist=Worker(archive, bells.archive, jobs.metrics, stop_seconds=stop_seconds),
        housekeeping=Housekeeping(admin.database, retention, vault),
    )
