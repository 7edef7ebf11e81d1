"""The simulated upstream as an ASGI application and as a server on a port."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.simulator.answers import refusal
from app.simulator.connections import AbortableProtocol
from app.simulator.courier import Courier
from app.simulator.gallery import Gallery
from app.simulator.options import SimulatorOptions
from app.simulator.queue_routes import QueueRoutes
from app.simulator.side_routes import SideRoutes
from app.simulator.world import World

BACKLOG = 2048
METHOD_NOT_ALLOWED = 405


def create_simulator(options: SimulatorOptions) -> Starlette:
    """Builds the application; a journal is read and opened here and closed with the application."""
    world, gallery = World(options), Gallery()
    courier = Courier(world, gallery)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with courier.at_work():
            yield
        world.close()

    async def refuse(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        # Every path can be posted to, so the router calls a wrong path a wrong method.
        return refusal(404 if status == METHOD_NOT_ALLOWED else status, profile=options.profile)

    return Starlette(
        routes=[
            *SideRoutes(world, gallery, courier).routes(),
            *QueueRoutes(world, gallery, courier).routes(),
        ],
        exception_handlers={HTTPException: refuse},
        lifespan=lifespan,
    )


def run_simulator(
    options: SimulatorOptions,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    announce: Callable[[int], None] | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT.

    Args:
        options: what the upstream is to be like.
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.
        announce: called once with the real port, when connections are answered.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    config = uvicorn.Config(
        create_simulator(options),
        http=AbortableProtocol,
        loop="uvloop",
        ws="none",
        log_level="warning",
        access_log=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=1,
    )
    server = _AnnouncingServer(config, announce)
    with listener, suppress(KeyboardInterrupt, asyncio.CancelledError):
        server.run(sockets=[listener])


class _AnnouncingServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, announce: Callable[[int], None] | None) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._announce is not None and sockets:
            self._announce(sockets[0].getsockname()[1])
