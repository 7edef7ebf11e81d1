"""The application: routers, middleware, error handlers, nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.console import (
    api_reference,
    audit,
    job,
    jobs,
    keys,
    overview,
    pictures,
    playground,
    sign_in,
    teams,
    unknown,
    usage,
)
from app.console.board import Board
from app.console.error_pages import error_renderer
from app.console.pages import STATIC_PATH, Pages, StaticPages
from app.console.picture_shelf import PictureShelf
from app.dialects import (
    api_admin,
    api_admin_reports,
    api_admin_trail,
    api_deliveries,
    api_images,
    api_jobs,
    api_me,
    api_tokens,
    api_usage,
    error_responses,
    fal_proxy,
    fal_queue,
    fal_storage,
    fal_sync,
    openai_images,
    openai_models,
    operator,
    upstream_webhooks,
    vault,
    well_known,
)
from app.dialects.body_room import BodyRoom
from app.dialects.openapi import document
from app.dialects.refusals import RefusalRenderer
from app.lifespan import open_gateway
from app.operations.metrics import Metrics
from app.operations.request_scope import DirectRoutes, RequestScope
from app.operations.tracing.tracing import open_tracing
from app.settings import Settings
from app.upstream.headers import SUBMIT_HEADERS

# What OpenAI's JavaScript client tells of itself with every request.
STAINLESS_HEADERS = tuple(
    f"x-stainless-{what}"
    for what in (
        "arch",
        "lang",
        "os",
        "package-version",
        "retry-count",
        "runtime",
        "runtime-version",
        "timeout",
    )
)
# Pages of other origins may send these, beside what every page may send anywhere.
CORS_REQUEST_HEADERS = (
    "authorization",
    "cache-control",
    "content-type",
    "idempotency-key",
    "prefer",
    "traceparent",
    "tracestate",
    "x-fal-file-name",
    "x-fal-object-lifecycle",
    "x-fal-target-url",
    "x-fluxgate-end-user",
    "x-request-id",
    *sorted(SUBMIT_HEADERS),
    *STAINLESS_HEADERS,
)
# And may read these. Without the first, fal's JavaScript client has no request id.
CORS_ANSWER_HEADERS = (
    "x-fal-request-id",
    "x-fal-error-type",
    "x-fal-billable-units",
    "x-fal-request-timeout-type",
    "x-fluxgate-cache",
    "x-request-id",
    "x-should-retry",
    "idempotency-replayed",
    "preference-applied",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
)
# What is for people who run the gateway is no business of other origins' pages.
NOT_FOR_OTHER_ORIGINS = ("/api/admin", "/console", "/metrics", "/playground")
PREFLIGHT_SECONDS = 600

PAGES = (
    api_reference.router,
    overview.router,
    sign_in.router,
    jobs.router,
    job.router,
    pictures.router,
    playground.router,
    usage.router,
    teams.router,
    keys.router,
    unknown.router,
    audit.router,
)
ROUTES = (
    fal_queue.router,
    fal_sync.router,
    fal_storage.router,
    api_admin_reports.router,
    api_admin.router,
    api_admin_trail.router,
    api_jobs.router,
    api_usage.router,
    api_me.router,
    api_tokens.router,
    openai_models.router,
    openai_images.router,
    upstream_webhooks.router,
    api_deliveries.router,
    api_images.router,
    vault.router,
    well_known.router,
)

SUMMARY = "A gateway in front of QuickRouter's fal image routes and of fal itself."


def create_app(settings: Settings, *, public_url: str, with_worker: bool, takes_jobs: bool = True) -> FastAPI:
    """The gateway as an ASGI application; everything long-lived is opened when the server starts it.

    Without `takes_jobs` it only tells how it is, which is what a worker of its own has to say.
    """
    metrics = Metrics()
    tracing = open_tracing(settings, metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_gateway(
            settings,
            metrics,
            tracing,
            public_url=public_url,
            with_worker=with_worker,
            on_death=app.state.on_death,
        ) as gateway:
            app.state.gateway = gateway
            yield

    app = FastAPI(
        title="Fluxgate",
        summary=SUMMARY,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.metrics = metrics
    app.state.tracing = tracing
    app.state.pages = Pages()
    app.state.board = Board()
    app.state.shelf = PictureShelf()
    app.state.body_room = BodyRoom(settings.bodies_limit_bytes, settings.largest_body_bytes)
    app.state.render_error = RefusalRenderer(settings, error_renderer(app.state.pages))
    app.state.direct = fal_queue.DIRECT if takes_jobs else DirectRoutes(fal_queue.PREFIX, {})
    app.state.rewrites = fal_proxy.REWRITES if takes_jobs else {}
    if takes_jobs:
        for router in (*PAGES, *ROUTES):
            app.include_router(router)
        app.mount(STATIC_PATH, StaticPages())
    app.include_router(operator.router)
    error_responses.install(app)
    document.install(app)
    app.state.reference = api_reference.ApiReference(app.state.pages, app.openapi)
    return app


def surround(app: FastAPI) -> ASGIApp:
    """The application as it is served: our own layer around the framework's, and CORS around both."""
    settings: Settings = app.state.settings
    served: ASGIApp = RequestScope(
        app,
        metrics=app.state.metrics,
        tracing=app.state.tracing,
        direct=app.state.direct,
        rewrites=app.state.rewrites,
        header_limit_bytes=settings.header_limit_bytes,
        render_error=app.state.render_error,
    )
    return _CrossOrigin(served, settings.cors_origins) if settings.cors_origins else served


class _CrossOrigin(CORSMiddleware):
    """The framework's CORS layer, kept away from the operators' routes."""

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST", "PUT"),
            allow_headers=CORS_REQUEST_HEADERS,
            expose_headers=CORS_ANSWER_HEADERS,
            max_age=PREFLIGHT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_closed = scope["type"] == "http" and scope["path"].startswith(NOT_FOR_OTHER_ORIGINS)
        await (self.app if is_closed else super().__call__)(scope, receive, send)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answers before our own layer, so that no store is touched; it gets its id here."""
        response = super().preflight_response(request_headers)
        response.headers["x-request-id"] = uuid4().hex
        return response
