"""What surrounds every request: its id, its log lines, its metrics, and the last net for our own faults.

Pure ASGI, because a middleware of the framework would cost more than most of the routes inside.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from random import getrandbits
from time import perf_counter

import structlog
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.errors import BadRequest, FluxgateError, InternalError, PayloadTooLarge
from app.operations.metrics import Metrics
from app.operations.tracing.step import make_current
from app.operations.tracing.tracing import Tracing

Handler = Callable[[Request], Awaitable[Response]]
Rewrites = Mapping[str, Callable[[Scope], None]]

# A handler writes the name of what it does here, for metrics; else the route's pattern is the name.
OPERATION = "fluxgate.operation"

# What a handler wants to have called when its request has ended, whatever became of it.
ON_END = "fluxgate.on_end"

# Among a request's ASGI extensions: how to send headers before the answer.
INTERIM = "fluxgate.interim"

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
# Addresses below this are secrets themselves; no more of them may be seen in logs, nor where a proxy in front
# passes them on with a path before it.
UNSHOWN_BELOW = "/webhooks/"
JOB_ROUTES = ("/fal-ai/", "/run/")
# The calls of fal's clients, which all expect fal's errors and its header with an id.
FAL_ROUTES = (*JOB_ROUTES, "/storage/", "/files/")

CUT_OFF = (
    "The gateway was stopped before this was done. A submit may have been recorded and sent all the same: "
    "asked again under the same Idempotency-Key it is not sent twice."
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DirectRoutes:
    """Handlers by method that are called for every path below `prefix` without asking the framework's router.

    The router, its exit stacks and its layers cost 180 of the 550 microseconds of a submit; the same
    handlers stand in the router too, where the OpenAPI description finds them.
    """

    prefix: str
    handlers: Mapping[str, Handler]

    def find(self, scope: Scope) -> Handler | None:
        """The handler of this request, if it is one of these."""
        return self.handlers.get(scope["method"]) if scope["path"].startswith(self.prefix) else None


class RequestScope:
    """The outermost layer of the application.

    A request to a path in `rewrites` is turned into one to another route before anything looks at it, so
    that it is answered, counted and logged as if it had been sent there.
    """

    def __init__(
        self,
        app: FastAPI,
        *,
        metrics: Metrics,
        tracing: Tracing | None,
        direct: DirectRoutes,
        rewrites: Rewrites,
        header_limit_bytes: int,
        render_error: Callable[[Request, FluxgateError], Response],
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing
        self._direct = direct
        self._rewrites = rewrites
        self._header_limit_bytes = header_limit_bytes
        self._render_error = render_error
        # Asked once: to find out at each answer that nobody wants a line costs more than to count it.
        self._tells_all = log.is_enabled_for(logging.DEBUG)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request; what is not HTTP passes untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        answer = _Answer(scope, send, request_id)
        started = perf_counter()
        step = None
        if self._tracing is not None:
            # Set even to None: a request that waited on a connection begins in the context of that before it.
            make_current(step := self._tracing.of_request(scope))
        # Not taken back: each request has a task, so a context, of its own, and the next one overwrites it.
        structlog.contextvars.bind_contextvars(request_id=request_id.decode())
        try:
            await self._answer(scope, receive, answer)
        finally:
            if (on_end := scope.get(ON_END)) is not None:
                on_end()
            self._tell(scope, answer, perf_counter() - started)
            if step is not None:
                step.answered(_route(scope), scope["method"], answer.status or 0)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            self._check_head(scope)
            rewrite = self._rewrites.get(scope["path"])
            if rewrite is not None:
                rewrite(scope)
            handler = self._direct.find(scope)
            if handler is None:
                await self._app(scope, receive, answer.send)
            else:
                scope["app"] = self._app
                response = await handler(Request(scope, receive))
                await response(scope, receive, answer.send)
        except FluxgateError as error:
            await self._render_error(Request(scope), error)(scope, receive, answer.send)
        except asyncio.CancelledError:
            # The server has no more time for what is under way, and would answer in words of its own.
            await self._render_failure(scope, receive, answer, InternalError(CUT_OFF))
        except Exception:
            log.exception("request.failed", method=scope["method"], path=_shown_path(scope))
            await self._render_failure(scope, receive, answer, InternalError())

    async def _render_failure(
        self, scope: Scope, receive: Receive, answer: "_Answer", error: InternalError
    ) -> None:
        if answer.status is None:
            await self._render_error(Request(scope), error)(scope, receive, answer.send)

    def _check_head(self, scope: Scope) -> None:
        if "\0" in scope["path"]:
            raise BadRequest("The path holds a NUL character.")
        size = sum(map(len, chain.from_iterable(scope["headers"]))) + len(scope["query_string"])
        if size > self._header_limit_bytes:
            raise PayloadTooLarge(
                f"The headers are {size} bytes; at most {self._header_limit_bytes} are read."
            )

    def _tell(self, scope: Scope, answer: "_Answer", seconds: float) -> None:
        status = answer.status or 0
        self._metrics.request(_route(scope), scope["method"], status, seconds)
        # Answers as expected are told by metrics; a line for each would cost as much as the answer.
        if status < 400 and not self._tells_all:
            return
        tell = log.debug if status < 400 else log.info if status < 500 else log.warning
        tell(
            "request.answered",
            method=scope["method"],
            path=_shown_path(scope),
            status=status,
            milliseconds=round(seconds * 1000, 1),
        )


class _Answer:
    """Adds the ids to the head of the answer and remembers its status."""

    def __init__(self, scope: Scope, send: Send, request_id: bytes) -> None:
        self._scope = scope
        self._send = send
        self._request_id = request_id
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        """Passes a message on; the head gets its ids first."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message["headers"]
            headers.append((b"x-request-id", self._request_id))
            # fal's Python client tells an answer of the gateway from one of a proxy by this header.
            is_fal_route = self._scope["path"].startswith(FAL_ROUTES)
            if is_fal_route and not any(name == b"x-fal-request-id" for name, _ in headers):
                headers.append((b"x-fal-request-id", self._request_id))
        await self._send(message)


def _route(scope: Scope) -> str:
    """What was asked for, in few words: never a path as it was sent."""
    return str(scope.get(OPERATION) or getattr(scope.get("route"), "path", "unknown"))


def _shown_path(scope: Scope) -> str:
    path: str = scope["path"]
    before, is_secret, _ = path.partition(UNSHOWN_BELOW)
    return f"{before}{is_secret}…" if is_secret else path


def _request_id(scope: Scope) -> bytes:
    """The caller's own id where it is harmless, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
            return bytes(value)
    # No secret hangs on it, and `uuid4` asks the system for each.
    return b"%032x" % getrandbits(128)
