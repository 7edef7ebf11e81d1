"""The traces of this process: where steps begin, and where their spans go."""

import importlib
import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from starlette.types import Scope

from app.errors import StartupError
from app.operations.metrics import Metrics
from app.operations.tracing.parent import Parent, own_trace, parent_in, read_parent
from app.operations.tracing.request import RequestStep
from app.operations.tracing.sender import Sender
from app.operations.tracing.step import Kind, Step
from app.settings import Settings

SERVICE: Final = "fluxgate"
PATH: Final = "/v1/traces"
# Loading the libraries of the extra takes a while, so it is done only where they are used.
ENCODING: Final = "app.operations.tracing.encoding"
NEEDED: Final = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.common")
# Where a request is until it is about a job: what is not sampled is not told.
NO_TRACE: Final = Parent(0, 0, is_sampled=False)


class Tracing:
    """Begins steps; `sender` takes what has ended."""

    def __init__(self, sender: Sender, *, ratio: float) -> None:
        self.sender = sender
        self._ratio = ratio

    def of_request(self, scope: Scope) -> RequestStep | None:
        """The step that a request may become: a POST makes jobs, a PUT cancels them."""
        if scope["method"] not in ("POST", "PUT"):
            return None
        return RequestStep(
            name="",
            above=NO_TRACE,
            tell=self.sender.take,
            kind=Kind.SERVER,
            caller=parent_in(scope["headers"]),
            ratio=self._ratio,
        )

    def of_job(self, name: str, job_id: UUID, kept: str | None) -> Step:
        """A step of a job that is followed, in the trace that was kept with it or else in its own."""
        above = None if kept is None else read_parent(kept)
        step = Step(name=name, above=above or own_trace(job_id, self._ratio), tell=self.sender.take)
        step.note(job_id=str(job_id))
        return step


def open_tracing(settings: Settings, metrics: Metrics) -> Tracing | None:
    """Traces as the settings ask for; None where they do not. Nothing is sent before its sender runs.

    Raises:
        StartupError: they ask for traces and the extra is not installed.
    """
    if settings.traces_url is None:
        return None
    check_traceable(settings)
    origin = {"service.name": SERVICE, "service.instance.id": str(uuid4()), "process.pid": os.getpid()}
    encode = importlib.import_module(ENCODING).encoder_of(origin)
    url = settings.traces_url if urlsplit(settings.traces_url).path else settings.traces_url + PATH
    sender = Sender(url, _headers(settings), encode, metrics)
    return Tracing(sender, ratio=settings.traces_sample_ratio)


def check_traceable(settings: Settings) -> None:
    """Looks whether what the settings ask for can be had.

    Raises:
        StartupError: it cannot.
    """
    if settings.traces_url is not None and not all(_is_there(name) for name in NEEDED):
        raise StartupError(
            "FLUXGATE_TRACES_URL: this needs the extra `traces`; install `fluxgate[traces]`, or do not set it"
        )


def _is_there(module: str) -> bool:
    """Whether a module can be imported; a missing folder above it is an error to the standard library."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _headers(settings: Settings) -> Mapping[str, str]:
    if settings.traces_headers is None:
        return {}
    pairs = (pair.partition("=") for pair in settings.traces_headers.get_secret_value().split(","))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
