"""Opens PostgreSQL, Redis, the upstream client and the worker, and closes them in reverse."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from app.admin.context import AdminContext
from app.audit.report_repository import ReportRepository
from app.callers.admin_key import AdminKey
from app.callers.authenticate import Authenticator
from app.callers.browser_tokens import open_tokens
from app.callers.pepper import check_pepper, read_pepper
from app.callers.sessions import open_sessions
from app.callers.waits import Waits
from app.gateway import Gateway
from app.jobs.context import Wakers
from app.jobs.load import MOVED_JOBS
from app.jobs.opening import open_jobs
from app.operations.metrics import Metrics
from app.operations.tracing.tracing import Tracing
from app.settings import Settings
from app.storage.postgres import Database
from app.storage.stores import open_stores
from app.uploads.context import open_uploads
from app.upstream.opening import open_pictures, open_upstream
from app.vault.context import Vault, open_vault
from app.webhooks.context import WebhookContext, open_webhooks
from app.webhooks.incoming import open_incoming
from app.webhooks.resolve import ask_system
from app.work.background import background
from app.work.loop import Alarm
from app.work.workers import Bells, open_workers


@asynccontextmanager
async def open_gateway(
    settings: Settings,
    metrics: Metrics,
    tracing: Tracing | None,
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
        gateway = await _open_parts(
            settings, metrics, tracing, stack, public_url=public_url, with_worker=with_worker
        )
        async with background(gateway.jobs, gateway.workers, tracing, on_death):
            yield gateway


async def _open_parts(
    settings: Settings,
    metrics: Metrics,
    tracing: Tracing | None,
    stack: AsyncExitStack,
    *,
    public_url: str,
    with_worker: bool,
) -> Gateway:
    """Every part in the order in which they need each other; the stack closes them in reverse."""
    stores = await open_stores(settings, MOVED_JOBS, stack)
    database = stores.database
    admin = await _open_admin(settings, database)
    tokens = open_tokens(settings, admin.pepper, database)
    authenticator = Authenticator(admin.callers, admin.pepper, tokens)
    admin_key = AdminKey(settings, admin.callers)
    uploads = open_uploads(settings, database, authenticator, admin.pepper, public_url)
    upstream = open_upstream(settings, metrics, stack)
    pictures = open_pictures(settings, metrics, stack)
    vault = open_vault(settings, database, admin.pepper, public_url, source=pictures, metrics=metrics)
    webhooks = _open_webhooks(settings, admin, metrics, vault, stack)
    bells = Bells(Alarm(), Alarm(), Alarm()) if with_worker else None
    incoming = open_incoming(settings, database, admin.pepper, public_url, stack)
    jobs = await open_jobs(
        settings, stores, upstream, uploads, incoming=incoming, metrics=metrics, wakers=_wakers(bells)
    )
    return Gateway(
        settings=settings,
        public_url=public_url,
        database=database,
        speed=stores.speed,
        authenticator=authenticator,
        tokens=tokens,
        admin_key=admin_key,
        sessions=open_sessions(
            settings, database, authenticator, admin_key, pepper=admin.pepper, public_url=public_url
        ),
        waits=Waits(settings.waits_per_credential),
        admin=admin,
        jobs=jobs,
        uploads=uploads,
        pictures=pictures,
        vault=vault,
        metrics=metrics,
        reports=ReportRepository(database, vault, grace_seconds=settings.result_grace_seconds),
        cursors=admin.cursors,
        webhooks=webhooks,
        workers=open_workers(jobs, webhooks, vault, bells, admin=admin, tracing=tracing) if bells else None,
    )


async def _open_admin(settings: Settings, database: Database) -> AdminContext:
    admin = AdminContext.on(database, read_pepper(settings))
    await check_pepper(admin.pepper, admin.callers)
    return admin


def _open_webhooks(
    settings: Settings, admin: AdminContext, metrics: Metrics, vault: Vault, stack: AsyncExitStack
) -> WebhookContext:
    webhooks = open_webhooks(
        settings, admin.pepper, admin.database, metrics, ask_system, name_our_links=vault.name_our_links
    )
    stack.callback(webhooks.close)
    return webhooks


def _wakers(bells: Bells | None) -> Wakers:
    if bells is None:
        return Wakers(due_in=_nobody_waits, deliver_now=_nobody_is_there, archive_now=_nobody_is_there)
    return Wakers(due_in=bells.follow.due_in, deliver_now=bells.deliver.now, archive_now=bells.archive.now)


def _nobody_waits(_seconds: float) -> None:
    """What comes due is found by the workers of other processes, by their own clocks.

    Without a worker nobody would take the times off the alarm again.
    """


def _nobody_is_there() -> None:
    """The same for webhooks and pictures."""
