"""The application: routers, middleware, error handlers, nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from app.dialects import error_responses, fal_queue, openai_models, operator
from app.lifespan import open_gateway
from app.operations.metrics import Metrics
from app.operations.request_scope import RequestScope
from app.settings import Settings

SUMMARY = "A gateway in front of QuickRouter's fal image routes and of fal itself."


def create_app(settings: Settings, *, public_url: str, with_worker: bool) -> FastAPI:
    """The gateway as an ASGI application; everything long-lived is opened when the server starts it."""
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_gateway(
            settings, metrics, public_url=public_url, with_worker=with_worker, on_death=app.state.on_death
        ) as gateway:
            app.state.gateway = gateway
            yield

    app = FastAPI(title="Fluxgate", summary=SUMMARY, lifespan=lifespan, redoc_url=None)
    app.state.settings = settings
    app.state.metrics = metrics
    app.include_router(fal_queue.router)
    app.include_router(openai_models.router)
    app.include_router(operator.router)
    error_responses.install(app)
    return app


def surround(app: FastAPI) -> ASGIApp:
    """The application as it is served: our own layer around the framework's."""
    return RequestScope(
        app,
        metrics=app.state.metrics,
        direct=fal_queue.DIRECT,
        header_limit_bytes=app.state.settings.header_limit_bytes,
        render_error=error_responses.render_error,
    )
