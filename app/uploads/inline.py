"""Use case: a job that goes upstream takes its files along, in place of their addresses."""

import asyncio
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

import orjson

from app.uploads.context import Uploads
from app.uploads.repository import JobFile

# A multiple of three, so that the pieces of a file's text fit together; small, so that others get their turn.
PIECE_BYTES: Final = 300_000


async def inline_files(uploads: Uploads, job_id: UUID, upstream_input: bytes) -> bytes:
    """The input as the upstream gets it; untouched where no files were noted with the job.

    Raises:
        StorageUnavailable: the files cannot be read.
    """
    files = await uploads.repository.files_of(job_id)
    if not files:
        return upstream_input
    # Ten megabytes are some fifty milliseconds, in which nobody else would be answered.
    return await asyncio.to_thread(with_data, upstream_input, files)


def with_data(upstream_input: bytes, files: Sequence[JobFile]) -> bytes:
    """The input with a data URI in place of each file's address. Pure.

    The input is JSON without spaces, as it is recorded. A quote behind `:`, `,` or `[` begins a text there:
    within a text a backslash would stand before it. And no name of a member is followed by `,`, `]` or `}`.
    """
    by_text = {orjson.dumps(file.address): file for file in files}
    texts = b"|".join(re.escape(text) for text in by_text)
    parts = re.split(rb"(?<=[:,\[])(" + texts + rb")(?=[,\]}])", upstream_input)
    pieces: list[bytes] = []
    for place, part in enumerate(parts):
        pieces.extend(_data_uri(by_text[part]) if place % 2 else (part,))
    return b"".join(pieces)


def _data_uri(file: JobFile) -> Iterator[bytes]:
    """A picture as a text of JSON, a third longer than it is."""
    yield f'"data:{file.content_type};base64,'.encode()
    for at in range(0, len(file.body), PIECE_BYTES):
        yield b64encode(file.body[at : at + PIECE_BYTES])
    yield b'"'
