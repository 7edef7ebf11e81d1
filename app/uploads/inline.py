"""Use case: a job that goes upstream takes its files along, in place of their addresses."""

from base64 import b64encode
from uuid import UUID

import orjson

from app.uploads.addresses import replaced
from app.uploads.context import Uploads
from app.uploads.repository import JobFile


async def inline_files(uploads: Uploads, job_id: UUID, upstream_input: bytes) -> bytes:
    """The input as the upstream gets it; untouched where no files were noted with the job.

    Raises:
        StorageUnavailable: the files cannot be read.
    """
    files = await uploads.repository.files_of(job_id)
    return with_data(upstream_input, files) if files else upstream_input


def with_data(upstream_input: bytes, files: list[JobFile]) -> bytes:
    """The input with a data URI in place of each file's address. Pure."""
    by_address = {file.address: data_uri(file.content_type, file.body) for file in files}
    return orjson.dumps(replaced(orjson.loads(upstream_input), by_address))


def data_uri(content_type: str, body: bytes) -> str:
    """A picture as text, a third longer than it is. Pure."""
    return f"data:{content_type};base64,{b64encode(body).decode()}"
