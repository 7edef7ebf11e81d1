"""Opens PostgreSQL, Redis, the upstream client and the worker, and closes them in reverse."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from pydantic import SecretStr

from app.admin.context import AdminContext
from app.audit.report_repository import ReportRepository
from app.billing.price_shelf import PriceShelf
from app.billing.repository import PriceRepository
from app.callers.admin_key import AdminKey
from app.callers.authenticate import Authenticator
from app.callers.browser_tokens import open_tokens
from app.callers.pepper import check_pepper, read_pepper
from app.callers.rates import Rates
from app.catalogue.lookup import Catalogue
from app.errors import StartupError
from app.gateway import Gateway
from app.jobs.context import JobContext
from app.jobs.disowned import Disowned
from app.jobs.load import MOVED_JOBS, JobLoader
from app.jobs.repository import JobRepository
from app.jobs.run_times import RunTimes
from app.jobs.watch import Watch
from app.operations.metrics import Metrics
from app.results.cache import ViewCache
from app.settings import Settings
from app.storage.announcements import Announcements
from app.storage.batcher import Batcher
from app.storage.migrate import require_schema
from app.storage.postgres import Database
from app.storage.redis import Speed
from app.uploads.context import Uploads, open_uploads
from app.upstream.client import UpstreamClient
from app.upstream.credentials import Credentials
from app.upstream.media_hosts import MediaHosts
from app.upstream.pictures import PictureSource
from app.upstream.profiles import PROFILES
from app.upstream.transport import Transport
from app.webhooks.context import WebhookContext, open_webhooks
from app.webhooks.incoming import Incoming, open_incoming
from app.webhooks.resolve import ask_system
from app.work.delivering import Delivering
from app.work.following import Following
from app.work.housekeeping import Housekeeping
from app.work.loop import Alarm, Worker
from app.work.workers import Workers

log = structlog.get_logger()

RUNS_TO_LEARN_FROM = 1000
PICTURE_CONNECTIONS = 32

# The follower's writes are nobody's wait, so they gather for longer.
FOLLOWER_WAIT_FACTOR = 5


@dataclass(frozen=True, slots=True)
class _Stores:
    """Where things are kept, and how processes tell each other of it."""

    database: Database
    speed: Speed
    announcements: Announcements


@dataclass(frozen=True, slots=True)
class _Bells:
    """What wakes the workers of this process."""

    follow: Alarm
    deliver: Alarm


@asynccontextmanager
async def open_gateway(
    settings: Settings,
    metrics: Metrics,
    *,
    public_url: str,
    with_worker: bool,
    on_death: Callable[[], None],
) -> AsyncIterator[Gateway]:
    """A running gateway; when the block ends, what was asked for is finished and everything is closed.

    `on_death` is called when something in the background ends by a fault of ours: the process is of no
    more use then, and whoever runs it starts it anew.

    Raises:
        StartupError: something it needs is not there.
    """
    async with AsyncExitStack() as stack:
        stores = await _open_stores(settings, stack)
        database = stores.database
        admin = await _open_admin(settings, database)
        tokens = open_tokens(settings, admin.pepper, database)
        authenticator = Authenticator(admin.callers, admin.pepper, tokens)
        uploads = open_uploads(settings, database, authenticator, admin.pepper, public_url)
        upstream = _open_upstream(settings, metrics, stack)
        webhooks = _open_webhooks(settings, admin, metrics, stack)
        bells = _Bells(Alarm(), Alarm()) if with_worker else None
        incoming = open_incoming(settings, database, admin.pepper, public_url, stack)
        jobs = _job_context(settings, stores, upstream, uploads, incoming, metrics=metrics, bells=bells)
        await _warm_up(jobs)
        gateway = Gateway(
            settings=settings,
            public_url=public_url,
            database=database,
            speed=stores.speed,
            authenticator=authenticator,
            tokens=tokens,
            admin_key=AdminKey(settings, admin.callers),
            admin=admin,
            jobs=jobs,
            uploads=uploads,
            pictures=_open_pictures(settings, metrics, stack),
            metrics=metrics,
            reports=ReportRepository(database),
            cursors=admin.cursors,
            webhooks=webhooks,
            workers=_workers(database, jobs, webhooks, bells) if bells else None,
        )
        async with _background(gateway, on_death):
            yield gateway


def check_startable(settings: Settings) -> SecretStr:
    """The upstream key, without which there is nothing to serve.

    Raises:
        StartupError: it is not set.
    """
    if settings.upstream_key is None:
        raise StartupError(
            "FLUXGATE_UPSTREAM_KEY: not set; give the key of your upstream, or start with `make run` "
            "(`fluxgate serve --demo`) to use the built-in simulator"
        )
    return settings.upstream_key


async def _open_stores(settings: Settings, stack: AsyncExitStack) -> _Stores:
    """PostgreSQL with the right schema, and Redis, which may be away."""
    if settings.database_url is None:
        raise StartupError("FLUXGATE_DATABASE_URL: not set, and no embedded PostgreSQL was started")
    if settings.redis_url is None:
        raise StartupError("FLUXGATE_REDIS_URL: not set, and no embedded Redis was started")
    database = await Database.connect(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool_size,
        timeout_seconds=settings.database_timeout_seconds,
    )
    stack.push_async_callback(database.close)
    redis_url = settings.redis_url.get_secret_value()
    speed = Speed.connect(redis_url, timeout_seconds=settings.redis_timeout_seconds)
    stack.push_async_callback(speed.close)
    announcements = Announcements.connect(redis_url, MOVED_JOBS)
    stack.push_async_callback(announcements.close)
    await require_schema(database)
    return _Stores(database, speed, announcements)


async def _open_admin(settings: Settings, database: Database) -> AdminContext:
    admin = AdminContext.on(database, read_pepper(settings))
    await check_pepper(admin.pepper, admin.callers)
    return admin


def _open_upstream(settings: Settings, metrics: Metrics, stack: AsyncExitStack) -> UpstreamClient:
    key = check_startable(settings)
    profile = PROFILES[settings.upstream_profile]
    transport = Transport.connect(
        connections=settings.upstream_connections,
        connect_seconds=settings.upstream_connect_timeout_seconds,
        total_seconds=settings.upstream_timeout_seconds,
    )
    upstream = UpstreamClient(
        base_url=settings.upstream_url,
        profile=profile,
        credentials=Credentials(key, profile.auth_scheme),
        transport=transport,
        metrics=metrics,
        status_limit_bytes=settings.status_limit_bytes,
        result_limit_bytes=settings.result_limit_bytes,
    )
    stack.push_async_callback(upstream.close)
    return upstream


def _open_pictures(settings: Settings, metrics: Metrics, stack: AsyncExitStack) -> PictureSource:
    transport = Transport.connect(
        connections=PICTURE_CONNECTIONS,
        connect_seconds=settings.upstream_connect_timeout_seconds,
        total_seconds=settings.picture_timeout_seconds,
    )
    pictures = PictureSource(
        hosts=MediaHosts.of(settings.upstream_url, settings.media_hosts),
        transport=transport,
        metrics=metrics,
        limit_bytes=settings.picture_limit_bytes,
    )
    stack.push_async_callback(pictures.close)
    return pictures


def _open_webhooks(
    settings: Settings, admin: AdminContext, metrics: Metrics, stack: AsyncExitStack
) -> WebhookContext:
    webhooks = open_webhooks(settings, admin.pepper, admin.database, metrics, ask_system)
    stack.callback(webhooks.close)
    return webhooks


def _job_context(
    settings: Settings,
    stores: _Stores,
    upstream: UpstreamClient,
    uploads: Uploads,
    incoming: Incoming | None,
    *,
    metrics: Metrics,
    bells: _Bells | None,
) -> JobContext:
    repository = JobRepository(stores.database, lease_seconds=settings.lease_seconds)
    wait_seconds = settings.group_commit_wait_seconds
    follower_wait_seconds = wait_seconds * FOLLOWER_WAIT_FACTOR
    loader = JobLoader(
        repository, stores.speed, stores.announcements, ttl_seconds=settings.result_redis_ttl_seconds
    )
    loading = Batcher(loader.load, wait_seconds=wait_seconds)
    due_in = bells.follow.due_in if bells else _nobody_waits
    return JobContext(
        settings=settings,
        catalogue=Catalogue(allow_unlisted=settings.allow_unlisted_models),
        upstream=upstream,
        uploads=uploads,
        repository=repository,
        prices=PriceShelf(PriceRepository(stores.database)),
        rates=Rates(stores.speed, on_degraded=metrics.limits_alone),
        finding=Batcher(repository.find_earlier, wait_seconds=wait_seconds),
        recording=Batcher(repository.record, wait_seconds=wait_seconds),
        disowned=Disowned(repository.move, patience_seconds=settings.lease_seconds),
        moving=Batcher(repository.move, wait_seconds=wait_seconds),
        following=Batcher(repository.move, wait_seconds=follower_wait_seconds),
        loading=loading,
        sharing=Batcher(loader.share, wait_seconds=follower_wait_seconds),
        views=ViewCache(limit_bytes=settings.result_memory_limit_bytes),
        watch=Watch(load=loading.ask, stored=repository, hints=stores.announcements, due_in=due_in),
        run_times=RunTimes(),
        metrics=metrics,
        incoming=incoming,
        due_in=due_in,
        deliver_now=bells.deliver.now if bells else _nobody_delivers,
        jitter=random.random,
    )


def _workers(database: Database, jobs: JobContext, webhooks: WebhookContext, bells: _Bells) -> Workers:
    stop_seconds = jobs.settings.stop_timeout_seconds
    follow, deliver = Following(jobs), Delivering(webhooks, bells.deliver.now)
    return Workers(
        follower=Worker(follow, bells.follow, jobs.metrics, stop_seconds=stop_seconds),
        courier=Worker(deliver, bells.deliver, jobs.metrics, stop_seconds=stop_seconds),
        housekeeping=Housekeeping(database),
    )


def _nobody_waits(_seconds: float) -> None:
    """What comes due is found by the workers of other processes, by their own clocks.

    Without a worker nobody would take the times off the alarm again.
    """


def _nobody_delivers() -> None:
    """The same for webhooks."""


async def _warm_up(jobs: JobContext) -> None:
    """Prices, and what the last jobs took, are known before the first request and the first look."""
    await jobs.prices.current()
    for model_id, seconds in reversed(await jobs.repository.recent_runs(RUNS_TO_LEARN_FROM)):
        jobs.run_times.learn(model_id, seconds)


@asynccontextmanager
async def _background(gateway: Gateway, on_death: Callable[[], None]) -> AsyncIterator[None]:
    """Runs the group commits and the workers beside the block."""

    def report(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("background.died", exc_info=error)
            on_death()

    jobs, workers = gateway.jobs, gateway.workers
    batchers: tuple[Batcher[object, object], ...] = (
        jobs.finding,  # type: ignore[assignment] # only `serve` and `stop` are used
        jobs.recording,
        jobs.moving,
        jobs.following,
        jobs.loading,
        jobs.sharing,
    )
    async with asyncio.TaskGroup() as group:
        for batcher in batchers:
            group.create_task(batcher.serve()).add_done_callback(report)
        working = [group.create_task(worker.run()) for worker in workers.claiming] if workers else []
        for task in working:
            task.add_done_callback(report)
        group.create_task(jobs.disowned.serve()).add_done_callback(report)
        watching = group.create_task(jobs.watch.serve())
        watching.add_done_callback(report)
        if workers:
            group.create_task(workers.housekeeping.run()).add_done_callback(report)
        if jobs.incoming:
            group.create_task(jobs.incoming.health.run()).add_done_callback(report)
        yield
        jobs.disowned.stop()
        jobs.watch.stop()
        watching.cancel()
        if jobs.incoming:
            jobs.incoming.health.stop()
        if workers:
            await _stop(workers, working)
        for batcher in batchers:
            batcher.stop()


async def _stop(workers: Workers, working: Sequence[asyncio.Task[None]]) -> None:
    """Lets them finish what they have begun, for as long as they may; what is left comes due again."""
    workers.stop()
    for worker, task in zip(workers.claiming, working, strict=True):
        await asyncio.wait([task], timeout=worker.patience_seconds())
        task.cancel()
