"""A step of a job's life while it is under way, and the telling of it when it ends.

Who begins a step makes it the current one of its task; who does something inside asks `current_step` and,
where there is one, tells of it. Where nothing is traced there never is one, and the question is all it costs.
"""

import random
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from enum import Enum
from time import time_ns
from types import MappingProxyType, TracebackType
from typing import Final, Self

from app.operations.tracing.parent import Parent

SECOND_NS: Final = 1_000_000_000
SPAN_BITS: Final = 64
# No more of a word that comes from elsewhere; ours are short.
LONGEST_VALUE: Final = 200

Value = str | int | float | bool
NOTHING: Final[Mapping[str, Value]] = MappingProxyType({})


class Kind(Enum):
    """On which side of a connection a step stands."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Span:
    """A step that has ended. Attributes are ours: none holds what a caller wrote, a key or an address."""

    name: str
    kind: Kind
    trace_id: int
    span_id: int
    parent_id: int | None
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Value]
    error: str | None


@dataclass(slots=True)
class Step:
    """A step under way.

    Attributes:
        above: what it hangs below.
        span_id: its own id, that what happens inside hangs below.
        tell: takes the spans of what has ended.
        error: why it failed, if it did, in one word.
    """

    name: str
    above: Parent
    tell: Callable[[Span], None] = field(repr=False)
    kind: Kind = Kind.INTERNAL
    attributes: dict[str, Value] = field(default_factory=dict)
    error: str | None = None
    span_id: int = field(default_factory=lambda: random.getrandbits(SPAN_BITS) or 1)
    started_ns: int = field(default_factory=time_ns)
    _token: Token["Step | None"] | None = field(default=None, repr=False)

    def note(self, **attributes: Value | None) -> None:
        """Adds attributes; `job_id` becomes `fluxgate.job.id`, what is None is left out."""
        for name, value in attributes.items():
            if value is not None:
                self.attributes[f"fluxgate.{name.replace('_', '.')}"] = value

    def ended(
        self,
        name: str,
        seconds: float,
        attributes: Mapping[str, Value] = NOTHING,
        *,
        kind: Kind = Kind.INTERNAL,
        error: str | None = None,
    ) -> None:
        """Tells of something inside that has just ended, after so many seconds."""
        if not self.above.is_sampled:
            return
        now = time_ns()
        self.tell(
            Span(
                name=name,
                kind=kind,
                trace_id=self.above.trace_id,
                span_id=random.getrandbits(SPAN_BITS) or 1,  # no secret hangs on it
                parent_id=self.span_id,
                start_ns=now - int(seconds * SECOND_NS),
                end_ns=now,
                attributes=attributes,
                error=error,
            )
        )

    def end(self, *, parent_id: int | None) -> None:
        """Tells of the step itself."""
        if not self.above.is_sampled:
            return
        self.tell(
            Span(
                name=self.name,
                kind=self.kind,
                trace_id=self.above.trace_id,
                span_id=self.span_id,
                parent_id=parent_id,
                start_ns=self.started_ns,
                end_ns=time_ns(),
                attributes=self.attributes,
                error=self.error,
            )
        )

    def __enter__(self) -> Self:
        self._token = _CURRENT.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _CURRENT.reset(self._token)
        if kind is not None:
            self.error = kind.__name__
        self.end(parent_id=self.above.span_id)


_CURRENT: ContextVar[Step | None] = ContextVar("step", default=None)


def current_step() -> Step | None:
    """The step that this task is in; None where nothing is traced."""
    return _CURRENT.get()


def make_current(step: Step | None) -> None:
    """Makes it the step of the rest of this task."""
    _CURRENT.set(step)
