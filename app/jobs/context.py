"""What the use cases of jobs work with: one typed object, opened and closed by the lifespan."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from app.billing.price_shelf import PriceShelf
from app.callers.rates import Rates
from app.catalogue.lookup import Catalogue
from app.jobs.admission import Earlier, Outcome
from app.jobs.asked import Asked
from app.jobs.disowned import Disowned
from app.jobs.job import Claims, JobView, Move, NewJob
from app.jobs.outlet import Outlet
from app.jobs.repository import JobRepository
from app.jobs.run_times import RunTimes
from app.jobs.schedule import Look, slowed
from app.jobs.watch import Watch
from app.operations.metrics import Metrics
from app.results.cache import ViewCache
from app.settings import Settings
from app.storage.batcher import Batcher
from app.uploads.context import Uploads
from app.upstream.client import UpstreamClient
from app.webhooks.incoming import Incoming


@dataclass(frozen=True, slots=True)
class Wakers:
    """How this process's workers, if it has any, are told that something is owed.

    Attributes:
        due_in: a job has to be looked at in so many seconds.
        deliver_now: a webhook has to be sent.
        archive_now: pictures have to be archived.
    """

    due_in: Callable[[float], None]
    deliver_now: Callable[[], None]
    archive_now: Callable[[], None]


@dataclass(frozen=True, slots=True)
class JobContext:
    """The parts behind submit, read, cancel and follow.

    Attributes:
        prices: what models cost, as it was loaded last.
        rates: how many submits a minute a key and its team have left.
        asked: what was asked for here before.
        finding: looks for earlier requests with the same key, or for the same, many by one statement.
        recording: the group commit of new jobs.
        disowned: ends jobs whose recording was not confirmed.
        moving: the group commit of moves made for a waiting caller.
        following: the group commit of moves made by the follower, which waits a little longer for company.
        loading: reads of many jobs by one statement.
        sharing: copies of final jobs for other processes, and word of all that have changed, many in one
            round trip.
        watch: who waits for news of which job.
        outlet: where jobs that waited for the upstream go out.
        incoming: how the upstream tells us of the ends of jobs; None where it does not.
        due_in: tells this process's worker, if it has one, that something is due in so many seconds.
        deliver_now: tells this process's worker, if it has one, that a webhook is owed.
        jitter: a random number in [0, 1).
    """

    settings: Settings
    catalogue: Catalogue
    upstream: UpstreamClient
    uploads: Uploads
    repository: JobRepository
    prices: PriceShelf
    rates: Rates
    asked: Asked
    finding: Batcher[Claims, Earlier]
    recording: Batcher[NewJob, Outcome]
    disowned: Disowned
    moving: Batcher[Move, bool]
    following: Batcher[Move, bool]
    loading: Batcher[UUID, JobView | None]
    sharing: Batcher[JobView, None]
    views: ViewCache[JobView]
    watch: Watch
    run_times: RunTimes
    metrics: Metrics
    outlet: Outlet
    incoming: Incoming | None
    due_in: Callable[[float], None]
    deliver_now: Callable[[], None]
    jitter: Callable[[], float]

    def paced(self, look: Look, *, expects_webhook: bool) -> Look:
        """When to look at a job: rarely, while the upstream tells of the ends of jobs like this by itself."""
        if not expects_webhook or self.incoming is None or not self.incoming.health.is_good:
            return look
        return slowed(look)
