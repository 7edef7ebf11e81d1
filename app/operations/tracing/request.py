"""The step that a request is: it is told once it is about a job, and not for those who only knock."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.operations.tracing.parent import Parent, own_trace, read_parent, span_of
from app.operations.tracing.step import Step

# By the standard a 5xx is a failure of the server, and what the caller got wrong is none.
FAULT: Final = 500


@dataclass(slots=True, kw_only=True)
class RequestStep(Step):
    """A request under way.

    Attributes:
        caller: the span of the caller's that this hangs below, if it sent one.
        ratio: the share of traces that is told where the caller does not say.
        parent_id: the span that this hangs below, once it is about a job; None for the first of a trace.
    """

    caller: Parent | None
    ratio: float
    parent_id: int | None = None

    @property
    def is_placed(self) -> bool:
        """Whether it is about a job by now."""
        return self.above.trace_id != 0

    def makes(self, job_id: UUID) -> str | None:
        """Takes the job's place in its trace; what has to be kept with the job, so that others find that.

        It is the caller's trace where there is one, whose word on whether it is told counts for all of it;
        else the job's own, which everybody finds.
        """
        self.span_id = span_of(job_id)
        self.parent_id = None if self.caller is None else self.caller.span_id
        if self.caller is None:
            self.above = own_trace(job_id, self.ratio)
            return None
        self.above = self.caller
        return str(Parent(self.caller.trace_id, self.span_id, is_sampled=self.caller.is_sampled))

    def concerns(self, job_id: UUID, kept: str | None) -> None:
        """Hangs below a job that is there already, in its trace; or in the caller's, if this has one."""
        known = None if kept is None else read_parent(kept)
        self.above = self.caller or known or own_trace(job_id, self.ratio)
        self.parent_id = self.above.span_id

    def answered(self, route: str, method: str, status: int) -> None:
        """Tells of the request, when its answer has gone out and it was about a job."""
        self.name = f"{method} {route}"
        self.attributes |= {"http.request.method": method, "http.route": route}
        self.attributes["http.response.status_code"] = status
        if status >= FAULT:
            self.error = str(status)
        self.end(parent_id=self.parent_id)
