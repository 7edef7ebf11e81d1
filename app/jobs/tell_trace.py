"""What traces are told of a job beside the calls made for it; nothing where nothing is traced."""

from dataclasses import replace
from time import perf_counter
from uuid import UUID

from app.errors import StorageUnavailable
from app.jobs.context import JobContext
from app.jobs.job import ClaimedJob, Move, NewJob
from app.jobs.states import JobState
from app.operations.tracing.request import RequestStep
from app.operations.tracing.step import Step, current_step

SENT = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.FETCHING})


def in_trace(job: NewJob) -> NewJob:
    """The job, with what is kept of the trace that its request is in."""
    step = current_step()
    if not isinstance(step, RequestStep):
        return job
    step.note(job_id=str(job.id), team=str(job.team_id), model=job.model_id)
    return replace(job, traceparent=step.makes(job.id))


async def in_trace_of(context: JobContext, job_id: UUID) -> None:
    """Puts a request about a job that is there already into its trace."""
    step = current_step()
    if not isinstance(step, RequestStep) or step.is_placed:
        return
    try:
        kept = (await context.repository.traceparents([job_id])).get(job_id)
    except StorageUnavailable:
        kept = None
    step.concerns(job_id, kept)
    step.note(job_id=str(job_id))


def tell_written(step: Step, move: Move, started: float) -> None:
    """A move that was written, with what it charges if the job ends by it."""
    settlement = move.settlement
    name = "record look" if settlement is None else "settle job"
    attributes: dict[str, str | int] = {"fluxgate.job.state": move.after}
    if settlement is not None:
        attributes["fluxgate.settlement"] = settlement.kind
        if settlement.spent_micros is not None:
            attributes["fluxgate.spent.micros"] = settlement.spent_micros
    step.ended(name, perf_counter() - started, attributes)


def tell_waits(step: Step, job: ClaimedJob, move: Move) -> None:
    """How long the upstream had the job in its queue, and then ran it, as far as the looks can tell."""
    if move.after is job.state or job.state not in SENT:
        return
    if job.state is JobState.QUEUED:
        step.ended("queued upstream", job.submitted_seconds)
    elif job.state is JobState.RUNNING and job.running_seconds is not None:
        step.ended("running upstream", job.running_seconds)
