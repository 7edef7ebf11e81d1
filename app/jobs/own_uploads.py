"""Uploaded files in the input of a job: the caller's own are claimed for it, before it is recorded."""

from dataclasses import replace

import orjson

from app.callers.caller import Caller
from app.jobs.context import JobContext
from app.jobs.job import NewJob
from app.jobs.request import SubmitRequest, with_contents
from app.uploads.claim import claim_files


async def with_own_uploads(context: JobContext, caller: Caller, ask: SubmitRequest, job: NewJob) -> NewJob:
    """The job, once every uploaded file that its input names is known to be its caller's. Most name none.

    Raises:
        InvalidInput: one of them is not the caller's, or not there.
        PayloadTooLarge: they are too large together.
        StorageUnavailable: the database does not answer.
    """
    if context.uploads.marker not in job.upstream_input:
        return job
    given = orjson.loads(job.upstream_input)
    claimed = await claim_files(context.uploads, caller, job.id, given)
    if claimed is None:
        return job
    digested = with_contents(job, ask, claimed.input_without, claimed.contents)
    return replace(digested, has_uploads=context.uploads.go_as_data)
