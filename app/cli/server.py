"""The HTTP server: uvicorn with our limits, told when it listens and when it stops."""

import asyncio
import gc
import socket
import ssl
import time
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from app.cli.patience import Patience, protocol_with
from app.main import surround
from app.settings import Settings

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75

# An upstream call ends within 15 s; with what the worker and the embedded servers need after that, a stop
# takes less than 25 s.
GRACEFUL_SECONDS = 16

# How long a connection that is kept may stay silent at a stop: a busy balancer has used it by then.
GOODBYE_SECONDS = 1.0
BREATH_SECONDS = 0.02
CLOSING = (b"connection", b"close")

# So many objects more than before, and the young ones are looked through. Python's own 700 are those of four
# requests under way, which all live on.
GC_THRESHOLD = 20_000


class GatewayServer(uvicorn.Server):
    """uvicorn, with a word when connections are answered, and the worker stopped with the first signal."""

    def __init__(self, app: FastAPI, on_listening: Callable[[], None], tls: ssl.SSLContext | None) -> None:
        config = uvicorn.Config(
            surround(app),
            http=protocol_with(_patience(app.state.settings)),
            loop="uvloop",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
            ssl_context_factory=(lambda *_: tls) if tls else None,
        )
        super().__init__(config)
        self._app = app
        self.has_died = False
        app.state.on_death = self._die
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to answer, and says so."""
        await super().startup(sockets)
        _spare_what_stays()
        self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Claims no more work and lets go who waits for a job, while the requests under way are answered."""
        gateway = self._app.state.gateway
        if gateway.workers is not None:
            gateway.workers.stop()
        gateway.jobs.watch.stop()
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        await self._say_goodbye()
        await super().shutdown(sockets)

    async def _say_goodbye(self) -> None:
        """Answers what is still asked over connections that are kept, and closes each with its answer.

        A balancer that is just sending a submit over one that is closed under its hands cannot know whether
        it was read, and must not send it again: its caller would be told of a fault.
        """
        self.server_state.default_headers = [*self.server_state.default_headers, CLOSING]
        until = time.monotonic() + GOODBYE_SECONDS
        while self._waits(until):  # noqa: ASYNC110 # uvicorn tells nobody when a connection has ended
            await asyncio.sleep(BREATH_SECONDS)

    def _waits(self, until: float) -> bool:
        return bool(self.server_state.connections) and time.monotonic() < until and not self.force_exit

    def _die(self) -> None:
        self.has_died = True
        self.should_exit = True


def _spare_what_stays() -> None:
    """What is there when the process begins to serve stays until it ends: it is not looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)


def _patience(settings: Settings) -> Patience:
    return Patience(
        head_seconds=settings.client_head_timeout_seconds,
        body_seconds=settings.client_body_timeout_seconds,
        head_bytes=settings.header_limit_bytes,
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        OSError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)
