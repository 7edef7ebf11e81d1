"""Use case: an operator stops a team's job."""

from typing import Final

from app.admin.context import AdminContext
from app.audit.job_filters import Sight
from app.audit.trail import Change
from app.jobs.cancel import CancelAnswer, cancel_job
from app.jobs.context import JobContext
from app.jobs.read import see_job

BY_OPERATOR: Final = "an operator"


async def cancel_for_team(admin: AdminContext, jobs: JobContext, actor: str, job_id: str) -> CancelAnswer:
    """Stops the job where that is still possible; the wish is in the trail before anything is done.

    Raises:
        NotFound: there is no such job.
        StorageUnavailable: it may be noted, and was not stopped.
    """
    view = await see_job(jobs, Sight(), job_id)
    if view.is_final:
        return CancelAnswer.TOO_LATE
    async with admin.database.transaction() as transaction:
        change = Change(actor, "job.cancel", view.id, {"state": view.state}, None)
        await admin.trail.append(transaction, change)
    return await cancel_job(jobs, view, by=BY_OPERATOR)
