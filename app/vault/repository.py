"""Every deed and question on the vault's rows; the statements are in a module of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.storage.postgres import Database, Executor, Row
from app.vault import statements
from app.vault.kept import ImageState, KeptImage, StoredObject, object_name
from app.vault.picture import ExaminedPicture


@dataclass(frozen=True, slots=True)
class ClaimedArchive:
    """A job whose pictures this process archives until its lease is over.

    Attributes:
        epoch: the fencing number; a write with an older one changes nothing.
        failed_tries: those that did not get all of its pictures.
        lag_seconds: how long it was due before it was claimed.
    """

    job_id: UUID
    epoch: int
    failed_tries: int
    lag_seconds: float


@dataclass(frozen=True, slots=True)
class OwedPictures:
    """What there is to archive of a job.

    Attributes:
        body: the model's answer; None where it is not stored any more.
        settled: the places that are done with.
    """

    team_id: UUID
    body: bytes | None = field(repr=False)
    settled: frozenset[int]


@dataclass(frozen=True, slots=True)
class Missing:
    """A picture that could not be kept, or not yet; the error is for people and names no address."""

    place: int
    state: ImageState
    error: str


class VaultRepository:
    """Pictures that are owed, were kept, or were given up."""

    def __init__(self, database: Database, *, lease_seconds: float, grace_seconds: float) -> None:
        self._database = database
        self._grace_seconds = float(grace_seconds)
        self._lease_seconds = lease_seconds

    async def claim_due(self, limit: int) -> list[ClaimedArchive]:
        """Takes over jobs whose pictures are due, those that have waited longest first."""
        rows = await self._database.execute(statements.CLAIM_DUE, self._lease_seconds, limit)
        return [ClaimedArchive(**row) for row in rows]

    async def owed(self, job_id: UUID) -> OwedPictures | None:
        """What there is to archive of a job; None when there is no such job any more."""
        rows = await self._database.execute(statements.ANSWER, job_id)
        return (
            OwedPictures(rows[0]["team_id"], rows[0]["body"], frozenset(rows[0]["settled"])) if rows else None
        )

    async def shown_answer(self, job_id: UUID) -> bytes | None:
        """The model's answer, as long as it is stored and its team's privacy lets it be shown."""
        rows = await self._database.execute(statements.SHOWN_ANSWER, job_id, self._grace_seconds)
        return rows[0]["body"] if rows else None

    async def register(self, sha256: bytes, size_bytes: int, picture: ExaminedPicture) -> int:
        """The id under which a content may be put into the store now, or is there already."""
        [row] = await self._database.execute(
            statements.REGISTER,
            sha256,
            picture.media_type,
            picture.width,
            picture.height,
            size_bytes,
            picture.thumbnail is not None,
        )
        return int(row["id"])

    async def keep(self, claimed: ClaimedArchive, team_id: UUID, place: int, object_id: int) -> bool:
        """Notes that a picture is in the store; False when another owns the job's, or the object is gone."""
        return bool(
            await self._database.execute(
                statements.KEEP, claimed.job_id, claimed.epoch, place, team_id, object_id
            )
        )

    async def settle(
        self,
        claimed: ClaimedArchive,
        team_id: UUID | None,
        missing: Sequence[Missing],
        again_in: float | None,
        *,
        failed_tries: int,
    ) -> bool:
        """Ends a try; False when another owns the job's pictures by now."""
        rows = await self._database.execute(
            statements.SETTLE,
            claimed.job_id,
            claimed.epoch,
            again_in,
            team_id,
            [one.place for one in missing],
            [one.state for one in missing],
            [one.error.replace("\0", "") for one in missing],
            failed_tries,
        )
        return bool(rows)

    async def find(self, job_id: UUID, place: int) -> KeptImage | None:
        """One picture; None when the vault knows of none."""
        rows = await self._database.execute(statements.ONE, job_id, place)
        return _image(rows[0]) if rows else None

    async def of_jobs(self, job_ids: Sequence[UUID]) -> Mapping[UUID, Mapping[int, KeptImage]]:
        """The pictures of many jobs, by job and by place."""
        found: dict[UUID, dict[int, KeptImage]] = {}
        rows = await self._database.execute(statements.OF_JOBS, list(set(job_ids))) if job_ids else []
        for row in rows:
            found.setdefault(row["job_id"], {})[row["place"]] = _image(row)
        return found

    async def with_content(
        self, sha256: bytes, team_id: UUID, *, before: UUID | None, limit: int
    ) -> list[KeptImage]:
        """The first picture with this content of each of a team's jobs, the newest first, below an id."""
        rows = await self._database.execute(statements.BY_DIGEST, sha256, team_id, before, limit)
        return [_image(row) for row in rows]

    async def is_owed(self, job_id: UUID) -> bool:
        """Whether the pictures of a job will be tried, for the first time or again."""
        [row] = await self._database.execute(statements.IS_OWED, job_id)
        return bool(row["is_owed"])

    async def purge(self, limit: int, image_days: int | None) -> int:
        """Lets go of pictures that are older than their team wants; how many there were."""
        [row] = await self._database.execute(statements.PURGE, limit, image_days)
        return int(row["number"])

    async def begin_to_leave(self, limit: int, *, untouched_seconds: float) -> tuple[int, dict[int, str]]:
        """Looks at so many objects that perhaps nobody refers to: how many there were, and which leave."""
        rows = await self._database.execute(statements.LEAVE, limit, untouched_seconds)
        leaving = [row for row in rows if row["is_leaving"]]
        return len(rows), {row["id"]: object_name(row["id"], row["sha256"]) for row in leaving}

    async def remove(self, object_ids: Sequence[int]) -> None:
        """Forgets objects that are not in the store any more."""
        await self._database.execute(statements.REMOVE, list(object_ids))


async def forget_job_images(executor: Executor, job_ids: Sequence[UUID]) -> int:
    """Forgets all pictures of these jobs, as one part of whatever forgets the jobs; how many there were.

    What nobody refers to then goes from the store with the next purge.
    """
    rows = await executor.execute(statements.FORGET, list(job_ids))
    return int(rows[0]["number"])


def _image(row: Row) -> KeptImage:
    stored = None
    if row["object_id"] is not None:
        stored = StoredObject(
            id=row["object_id"],
            sha256=bytes(row["sha256"]),
            media_type=row["media_type"],
            width=row["width"],
            height=row["height"],
            size_bytes=row["size_bytes"],
            has_thumbnail=row["has_thumbnail"],
        )
    return KeptImage(
        job_id=row["job_id"],
        place=row["place"],
        state=ImageState(row["state"]),
        error=row["error"],
        created_at=row["created_at"],
        stored=stored,
    )
