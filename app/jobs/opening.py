"""Opening the parts behind the use cases of jobs."""

import random

from app.billing.price_shelf import PriceShelf
from app.billing.repository import PriceRepository
from app.callers.rates import Rates
from app.catalogue.lookup import Catalogue
from app.jobs.asked import Asked
from app.jobs.context import JobContext, Wakers
from app.jobs.disowned import Disowned
from app.jobs.load import JobLoader
from app.jobs.outlet import Outlet
from app.jobs.repository import JobRepository
from app.jobs.run_times import RunTimes
from app.jobs.watch import Watch
from app.operations.metrics import Metrics
from app.results.cache import ViewCache
from app.settings import Settings
from app.storage.batcher import Batcher
from app.storage.stores import Stores
from app.uploads.context import Uploads
from app.upstream.client import UpstreamClient
from app.webhooks.incoming import Incoming

RUNS_TO_LEARN_FROM = 1000

# No submit waits for the follower's writes, so they gather for longer: what is claimed together ends within
# the time that the upstream takes to answer. Whoever waits for a job's end hears of it so much later.
FOLLOWER_WAIT_FACTOR = 10
FOLLOWER_BURST_SECONDS = 0.25
# Other processes hear of them after that.
SHARING_WAIT_FACTOR = 5


async def open_jobs(
    settings: Settings,
    stores: Stores,
    upstream: UpstreamClient,
    uploads: Uploads,
    *,
    incoming: Incoming | None,
    metrics: Metrics,
    wakers: Wakers,
) -> JobContext:
    """The parts as the settings ask for, knowing the prices and what the last jobs took."""
    repository = JobRepository(
        stores.database, lease_seconds=settings.lease_seconds, archive_now=wakers.archive_now
    )
    wait_seconds = settings.group_commit_wait_seconds
    loader = _loader(settings, stores, repository)
    loading = Batcher(loader.load, wait_seconds=wait_seconds)
    jobs = JobContext(
        settings=settings,
        catalogue=Catalogue(allow_unlisted=settings.allow_unlisted_models),
        upstream=upstream,
        uploads=uploads,
        repository=repository,
        prices=PriceShelf(PriceRepository(stores.database)),
        rates=Rates(stores.speed, on_degraded=metrics.limits_alone),
        asked=Asked(),
        finding=Batcher(repository.find_earlier, wait_seconds=wait_seconds),
        recording=Batcher(repository.record, wait_seconds=wait_seconds),
        disowned=Disowned(repository.move, patience_seconds=settings.lease_seconds),
        moving=Batcher(repository.move, wait_seconds=wait_seconds),
        following=Batcher(
            repository.move,
            wait_seconds=wait_seconds * FOLLOWER_WAIT_FACTOR,
            burst_seconds=FOLLOWER_BURST_SECONDS,
        ),
        loading=loading,
        sharing=Batcher(loader.share, wait_seconds=wait_seconds * SHARING_WAIT_FACTOR),
        views=ViewCache(limit_bytes=settings.result_memory_limit_bytes),
        watch=Watch(load=loading.ask, stored=repository, hints=stores.announcements, due_in=wakers.due_in),
        run_times=RunTimes(),
        metrics=metrics,
        outlet=Outlet(upstream.breaker, slots=settings.accepted_slots),
        incoming=incoming,
        due_in=wakers.due_in,
        deliver_now=wakers.deliver_now,
        jitter=random.random,
    )
    await _warm_up(jobs)
    return jobs


def _loader(settings: Settings, stores: Stores, repository: JobRepository) -> JobLoader:
    """No copy lives longer than every team's results can be fetched."""
    copies_seconds = min(settings.result_redis_ttl_seconds, settings.result_grace_seconds)
    return JobLoader(repository, stores.speed, stores.announcements, ttl_seconds=copies_seconds)


async def _warm_up(jobs: JobContext) -> None:
    """Prices, and what the last jobs took, are known before the first request and the first look."""
    await jobs.prices.current()
    for model_id, seconds in reversed(await jobs.repository.recent_runs(RUNS_TO_LEARN_FROM)):
        jobs.run_times.remember(model_id, seconds)
