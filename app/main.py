"""The application: routers, middleware, error handlers, nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from app.dialects import api_jobs, error_responses, fal_queue, openai_models, operator
from app.lifespan import open_gateway
from app.operations.metrics import Metrics
from app.operations.request_scope import DirectRoutes, RequestScope
from app.settings import Settings
from app.upstream.headers import SUBMIT_HEADERS

# Without the first, fal's JavaScript client has no request id.
EXPOSED_HEADERS = (
    "x-fal-request-id",
    "x-fal-error-type",
    "x-fal-billable-units",
    "x-request-id",
    "retry-after",
)
PREFLIGHT_SECONDS = 600

SUMMARY = "A gateway in front of QuickRouter's fal image routes and of fal itself."


def create_app(settings: Settings, *, public_url: str, with_worker: bool, takes_jobs: bool = True) -> FastAPI:
    """The gateway as an ASGI application; everything long-lived is opened when the server starts it.

    Without `takes_jobs` it only tells how it is, which is what a worker of its own has to say.
    """
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_gateway(
            settings, metrics, public_url=public_url, with_worker=with_worker, on_death=app.state.on_death
        ) as gateway:
            app.state.gateway = gateway
            yield

    app = FastAPI(
        title="Fluxgate", summary=SUMMARY, lifespan=lifespan, redoc_url=None, redirect_slashes=False
    )
    app.state.settings = settings
    app.state.metrics = metrics
    app.state.direct = fal_queue.DIRECT if takes_jobs else DirectRoutes(fal_queue.PREFIX, {})
    if takes_jobs:
        app.include_router(fal_queue.router)
        app.include_router(api_jobs.router)
        app.include_router(openai_models.router)
    app.include_router(operator.router)
    error_responses.install(app)
    return app


def surround(app: FastAPI) -> ASGIApp:
    """The application as it is served: our own layer around the framework's, and CORS around both."""
    settings: Settings = app.state.settings
    served: ASGIApp = RequestScope(
        app,
        metrics=app.state.metrics,
        direct=app.state.direct,
        header_limit_bytes=settings.header_limit_bytes,
        render_error=error_responses.render_error,
    )
    if settings.cors_origins:
        return CORSMiddleware(
            served,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST", "PUT"),
            allow_headers=("authorization", "content-type", *SUBMIT_HEADERS),
            expose_headers=EXPOSED_HEADERS,
            max_age=PREFLIGHT_SECONDS,
        )
    return served
