"""After a move is committed: what reads will see of it, and whom to tell."""

from dataclasses import replace

import structlog

from app.jobs.context import JobContext
from app.jobs.job import JobView, Move

BELIEVED_AT_LEAST_SECONDS = 0.25
BELIEVED_AT_MOST_SECONDS = 2.0
# What is asked for long after its end is read anew; it may be past the time for which it is kept.
OLD_BELIEVED_SECONDS = 5.0
# A look that is nearer than this is not worth pulling.
NEAR_SECONDS = 1.0

log = structlog.get_logger()


def view_after(view: JobView, move: Move) -> JobView:
    """The job as it is after the move. Pure."""
    return replace(
        view,
        state=move.after,
        queue_position=move.queue_position,
        logs=move.logs or view.logs,
        metrics=move.metrics or view.metrics,
        error=move.error or view.error,
        error_type=move.error_type or view.error_type,
        answer=move.answer or view.answer,
        look_in_seconds=move.look_in_seconds,
        pull_in_seconds=move.pull_in_seconds,
        ended_seconds=0.0 if move.settlement is not None else None,
    )


def believed_seconds(view: JobView, *, grace_seconds: float) -> float:
    """How long a view may be shown without reading it anew. Pure.

    A job that has ended stays as it is until the time is over in which every team's results can be fetched.

    Nobody looks at a job before its next look is due, so until then it stays as it is, but for a
    cancellation or an operator on another machine; for their sake there is an upper end. When whoever reads
    it may bring that look a good deal nearer, it is read again then.
    """
    if view.is_final:
        left_seconds = 0.0 if view.ended_seconds is None else grace_seconds - view.ended_seconds
        return left_seconds if left_seconds > 0.0 else OLD_BELIEVED_SECONDS
    wait_seconds = view.look_in_seconds or 0.0
    if view.pull_in_seconds is not None and 0.0 < view.pull_in_seconds < wait_seconds - NEAR_SECONDS:
        wait_seconds = view.pull_in_seconds
    return min(max(wait_seconds, BELIEVED_AT_LEAST_SECONDS), BELIEVED_AT_MOST_SECONDS)


def remember(context: JobContext, view: JobView) -> None:
    """Puts a job where this process's reads look first, for as long as it may be believed."""
    grace_seconds = float(context.settings.result_grace_seconds)
    context.views.put(view.id, view, believed_seconds=believed_seconds(view, grace_seconds=grace_seconds))


def keep(context: JobContext, view: JobView, move: Move) -> JobView:
    """Puts the job as it is after the move where this process's reads look first."""
    after = view_after(view, move)
    if after.lacks_answer:
        context.views.forget(view.id)
    else:
        remember(context, after)
    context.watch.told(after)
    if move.look_in_seconds is not None:
        context.due_in(move.look_in_seconds)
    if move.before != move.after:
        context.metrics.moved(move.after)
        tell = log.info if after.is_final else log.debug
        tell("job.moved", job_id=view.id, before=move.before, state=move.after, reason=move.logged_note)
    return after


async def share(context: JobContext, view: JobView) -> None:
    """Tells other processes that the job has changed; a final one is put where their reads look first."""
    await context.sharing.ask(view)
