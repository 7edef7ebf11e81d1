"""Use case: the same request again, as a new job with a new answer."""

from typing import Final
from uuid import UUID

import orjson

from app.callers.caller import Caller
from app.errors import Conflict
from app.jobs.context import JobContext
from app.jobs.read import read_job
from app.jobs.request import CacheWish, SubmitRequest
from app.jobs.submit import Submitted, submit_job

ANEW: Final = CacheWish(max_age_seconds=0.0)


async def repeat_job(context: JobContext, caller: Caller, job_id: str, *, once: str) -> Submitted:
    """Submits the model and the input of a job once more, in the name of whoever asks for it now.

    The headers that went upstream go again, so what was not to be stored there is not stored this time
    either. Nobody is told of the end of the new job, and no earlier answer is given. The same word in `once`
    is the same new job, however often it is said.

    Raises:
        NotFound: there is no such job, or it is another team's.
        Conflict: its input is not kept any more.
        FluxgateError: as `submit_job` does.
    """
    view = await read_job(context, caller, job_id)
    kept = await context.repository.find_input(UUID(view.id))
    given = None if kept is None else orjson.loads(kept[0])
    if kept is None or not given or view.is_purged:
        raise Conflict("What was asked for is not kept any more, so it cannot be made again.")
    model = context.catalogue.find(view.model_id)
    ask = SubmitRequest(model=model, given=given, upstream_headers=kept[1], idempotency_key=once, cache=ANEW)
    return await submit_job(context, caller, ask)
