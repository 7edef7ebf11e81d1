"""Use case: how a job stands, from memory, Redis or PostgreSQL; never from the upstream."""

from dataclasses import replace
from uuid import UUID

from app.audit.job_filters import Sight
from app.callers.caller import Caller
from app.callers.policy import Privacy
from app.errors import NotFound
from app.jobs.context import JobContext
from app.jobs.job import JobView
from app.jobs.keep import NEAR_SECONDS, remember

ID_LENGTH = 36


async def read_job(context: JobContext, caller: Caller, job_id: str, *, must_be_new: bool = False) -> JobView:
    """The job as its caller may see it.

    With `must_be_new` a job that has not ended is read from the database even when it was seen a moment
    ago: a result is asked for because somebody says that it is there.

    Raises:
        NotFound: there is no such job, or it is another team's; nothing tells which.
        StorageUnavailable: the job is not in memory and the database does not answer.
    """
    view = context.views.get(job_id)
    if view is None or (must_be_new and not view.is_final):
        view = await load_view(context, job_id)
    if view is None or not _is_theirs(caller, view):
        raise not_found()
    if _is_worth_pulling(view):
        await _pull_nearer(context, view)
    return as_kept(context, caller, view)


def as_kept(context: JobContext, caller: Caller, view: JobView) -> JobView:
    """The job with what its team still keeps of it: the time counts, and not when the purge comes by."""
    if caller.privacy is Privacy.FULL or view.ended_seconds is None:
        return view
    is_past = view.ended_seconds > context.settings.result_grace_seconds
    return view.without_payload if is_past and not view.is_purged else view


async def see_job(context: JobContext, sight: Sight, job_id: str) -> JobView:
    """The job as whoever has this sight may see it; nobody waits for it, so its next look stays as it is.

    Raises:
        NotFound: there is no such job, or it is not for these eyes; nothing tells which.
        StorageUnavailable: the job is not in memory and the database does not answer.
    """
    view = context.views.get(job_id)
    if view is None:
        view = await load_view(context, job_id)
    if view is None or not sight.covers(view.team_id, view.token_id):
        raise not_found()
    return view


def not_found() -> NotFound:
    """The one answer for a job that is not there and for one that is somebody else's."""
    return NotFound("No job of yours has this id.")


def parse_id(job_id: str) -> UUID | None:
    """The id, when it is written as we write ids."""
    if len(job_id) != ID_LENGTH:
        return None
    try:
        parsed = UUID(job_id)
    except ValueError:
        return None
    return parsed if str(parsed) == job_id else None


def _is_theirs(caller: Caller, view: JobView) -> bool:
    """A team sees all its jobs, a browser token those that were sent with it."""
    return view.team_id == caller.team_id and caller.token_id in (None, view.token_id)


async def load_view(context: JobContext, job_id: str) -> JobView | None:
    """The job as it is stored, whosever it is; None when there is none of this id.

    Raises:
        StorageUnavailable: the database does not answer.
    """
    parsed = parse_id(job_id)
    if parsed is None:
        return None
    view = await context.loading.ask(parsed)
    if view is not None:
        remember(context, view)
    return view


def _is_worth_pulling(view: JobView) -> bool:
    if view.look_in_seconds is None or view.pull_in_seconds is None:
        return False
    return view.look_in_seconds > NEAR_SECONDS and view.pull_in_seconds <= 0.0


async def _pull_nearer(context: JobContext, view: JobView) -> None:
    """Somebody waits for a job that is late: it is looked at sooner, once a second for all who wait."""
    look_in_seconds = (await context.repository.pull_nearer([UUID(view.id)])).get(UUID(view.id))
    if look_in_seconds is not None:
        context.due_in(look_in_seconds)
    pulled = replace(view, look_in_seconds=look_in_seconds)
    remember(context, pulled)
