"""Use case: a job may name files of its own caller, and only those; they stay as long as it needs them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from app.callers.caller import Caller
from app.catalogue.problems import shorten
from app.errors import InvalidInput, PayloadTooLarge
from app.uploads.addresses import NamedFile, Path, files_url, named_files, replaced
from app.uploads.context import Uploads
from app.uploads.repository import Claim, OwnedFile

NAMED_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class ClaimedFiles:
    """The files of an input.

    Attributes:
        input_without: the input without their addresses.
        contents: where each stood, and what it holds as a digest: the same picture is the same request,
            under whatever address.
    """

    input_without: Any
    contents: Sequence[tuple[Path, str]]


async def claim_files(uploads: Uploads, caller: Caller, job_id: UUID, given: Any) -> ClaimedFiles | None:  # noqa: ANN401 # parsed JSON
    """The caller's files that the input of a job names; None where it names none.

    Raises:
        InvalidInput: one of them is not there, or not the caller's; nothing tells which.
        PayloadTooLarge: they are very many, or go upstream as data and are too large for that together.
        StorageUnavailable: the database does not answer.
    """
    named = named_files(given, files_url(uploads.public_url))
    if not named:
        return None
    if len(named) > NAMED_AT_ONCE:
        raise PayloadTooLarge(f"This names {len(named)} uploads; at most {NAMED_AT_ONCE} are taken together.")
    owned = await uploads.repository.claim(_claim(uploads, caller, job_id, named))
    problems = [_problem(file) for file in named if file.file_id not in owned]
    if problems:
        raise InvalidInput(problems)
    found = [(file.path, owned[file.file_id]) for file in named if file.file_id is not None]
    _check_size(uploads, [one for _, one in found])
    by_address: Mapping[str, str] = dict.fromkeys((file.address for file in named), "")
    return ClaimedFiles(replaced(given, by_address), [(path, one.sha256.hex()) for path, one in found])


def _claim(uploads: Uploads, caller: Caller, job_id: UUID, named: Sequence[NamedFile]) -> Claim:
    known = [(file.file_id, file.address) for file in named if file.file_id is not None]
    return Claim(
        file_ids=[file_id for file_id, _ in known],
        addresses=[address for _, address in known],
        team_id=caller.team_id,
        token_id=caller.token_id,
        job_id=job_id,
        keep_seconds=_keep_seconds(uploads),
        limit_bytes=_limit_bytes(uploads),
        is_noted=uploads.go_as_data and len(known) == len(named),
    )


def _keep_seconds(uploads: Uploads) -> float:
    """Until the job has been sent for the last time; where the upstream fetches them, until it has ended."""
    settings = uploads.settings
    sent_within = settings.accepted_patience_seconds + settings.lease_seconds
    return sent_within if uploads.go_as_data else sent_within + settings.job_deadline_seconds


def _limit_bytes(uploads: Uploads) -> int:
    """As data they may be as large together as one upload; what the upstream fetches is its own affair."""
    return uploads.settings.upload_limit_bytes if uploads.go_as_data else 2**62


def _check_size(uploads: Uploads, files: Sequence[OwnedFile]) -> None:
    size, limit = sum(file.size_bytes for file in files), _limit_bytes(uploads)
    if size > limit:
        raise PayloadTooLarge(
            f"The uploaded pictures of this request have {size} bytes; at most {limit} are taken together."
        )


def _problem(file: NamedFile) -> dict[str, Any]:
    return {
        "loc": ["body", *file.path],
        "msg": "No upload of yours is at this address, or not any more; upload the picture again.",
        "type": "file_download_error",
        "input": shorten(file.address),
        "url": "https://docs.fal.ai/errors#file_download_error",
    }
