"""What the vault has of the pictures of jobs that are shown: one question for a whole page."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.storage.postgres import Row
from app.vault.context import Vault
from app.vault.kept import shown_image

# By the place of a picture in its job's answer.
KeptOfJob = Mapping[int, Mapping[str, Any]]


async def kept_beside(vault: Vault | None, rows: Sequence[Row]) -> dict[UUID, KeptOfJob]:
    """The pictures that are kept of these jobs, by the job's id, with fresh links.

    A job that was given another one's answer has that one's pictures.

    Raises:
        StorageUnavailable: the database does not answer.
    """
    if vault is None:
        return {}
    made_by = {row["id"]: row["source_job_id"] or row["id"] for row in rows if row["state"] == "succeeded"}
    kept = await vault.repository.of_jobs(list(made_by.values()))
    return {
        job_id: {
            place: shown_image(image, vault.links)
            for place, image in kept[source_id].items()
            if image.stored is not None
        }
        for job_id, source_id in made_by.items()
        if source_id in kept
    }
