"""Every statement on uploaded files.

Their bytes are large, so few of them travel at once: the connections are there for jobs first.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from uuid import UUID

from app.storage.postgres import Database

LARGE_AT_ONCE: Final = 3

# The room is decided under the lock of the team's sum, with the sum as it is then. In one statement: the
# bytes are with PostgreSQL before the lock is taken, so no process holds it while it thinks or stalls.
STORE: Final = """
    WITH held AS (
        SELECT stored_bytes FROM upload_usage WHERE team_id = $2::uuid FOR UPDATE
    ), stored AS (
        INSERT INTO uploads (id, team_id, key_id, token_id, content_type, file_name, size_bytes, sha256, body,
            created_at, expires_at)
        SELECT $1::uuid, $2, $3::uuid, $4::uuid, $5::text, $6::text, $7::int, $8::bytea, $9::bytea, now(),
            now() + make_interval(secs => $10::float8)
        FROM held WHERE held.stored_bytes + $7 <= $11::bigint
        ON CONFLICT (id) DO NOTHING
        RETURNING size_bytes
    ), counted AS (
        UPDATE upload_usage AS u SET stored_bytes = u.stored_bytes + s.size_bytes
        FROM stored AS s WHERE u.team_id = $2
    )
    SELECT held.stored_bytes, EXISTS (SELECT FROM stored) AS is_stored FROM held
"""

OPEN_USAGE: Final = """
    INSERT INTO upload_usage (team_id, stored_bytes) VALUES ($1, 0) ON CONFLICT DO NOTHING
"""

IS_THE_SAME: Final = "SELECT (team_id = $2 AND sha256 = $3) AS is_same FROM uploads WHERE id = $1"

HEAD: Final = """
    SELECT content_type, size_bytes, extract(epoch FROM expires_at - now())::float8 AS seconds_left
    FROM uploads WHERE id = $1 AND expires_at > now()
"""

BODY: Final = "SELECT body FROM uploads WHERE id = $1"

# All of the files are the caller's, or nothing is written. Files are kept as long as the job may need them;
# they are locked in the order of their ids, like all rows that several statements lock.
CLAIM: Final = """
    WITH asked AS (
        SELECT * FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS asked (upload_id, address, place)
    ), owned AS (
        SELECT id, sha256, size_bytes, expires_at FROM uploads
        WHERE id = ANY($1) AND team_id = $3::uuid AND ($4::uuid IS NULL OR token_id = $4)
            AND expires_at > now()
    ), fit AS (
        SELECT count(*) = count(owned.id) AND COALESCE(sum(owned.size_bytes), 0) <= $7::bigint AS do_all
        FROM asked LEFT JOIN owned ON owned.id = asked.upload_id
    ), ending AS (
        SELECT u.id FROM uploads u JOIN owned USING (id) CROSS JOIN fit
        WHERE fit.do_all AND u.expires_at < now() + make_interval(secs => $6::float8)
        ORDER BY u.id FOR UPDATE OF u
    ), kept AS (
        UPDATE uploads u SET expires_at = now() + make_interval(secs => $6)
        FROM ending WHERE u.id = ending.id
    ), named AS (
        INSERT INTO job_uploads (job_id, place, upload_id, address)
        SELECT $5::uuid, place, upload_id, address FROM asked CROSS JOIN fit
        WHERE fit.do_all AND $8::boolean
    )
    SELECT id, sha256, size_bytes FROM owned
"""

FILES_OF_JOB: Final = """
    SELECT j.address, u.content_type, u.body FROM job_uploads j JOIN uploads u ON u.id = j.upload_id
    WHERE j.job_id = $1
"""


@dataclass(frozen=True, slots=True)
class NewUpload:
    """A file as it is about to be stored."""

    id: UUID
    team_id: UUID
    key_id: UUID
    token_id: UUID | None
    content_type: str
    file_name: str
    sha256: bytes
    body: bytes


class StoreOutcome(Enum):
    """What became of a file that was to be stored."""

    STORED = auto()
    THERE_ALREADY = auto()
    OTHER_IS_THERE = auto()
    NO_ROOM = auto()


@dataclass(frozen=True, slots=True)
class FileHead:
    """What is told of a file before its bytes."""

    content_type: str
    size_bytes: int
    seconds_left: float


@dataclass(frozen=True, slots=True)
class OwnedFile:
    """A file that the asker may use."""

    sha256: bytes
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Claim:
    """Files that a job names.

    Attributes:
        file_ids: one for each address.
        token_id: where it is given, only files of that browser token count.
        keep_seconds: how long the job may need them.
        limit_bytes: how large they may be together.
        is_noted: whether they are noted to go upstream with the job as data.
    """

    file_ids: Sequence[UUID]
    addresses: Sequence[str]
    team_id: UUID
    token_id: UUID | None
    job_id: UUID
    keep_seconds: float
    limit_bytes: int
    is_noted: bool


@dataclass(frozen=True, slots=True)
class JobFile:
    """A file that goes upstream in place of its address."""

    address: str
    content_type: str
    body: bytes


class UploadRepository:
    """Files as they are stored."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def store(self, upload: NewUpload, *, ttl_seconds: float, team_limit_bytes: int) -> StoreOutcome:
        """Stores a file if it fits below the team's limit with all others of the team."""
        values = (
            upload.id,
            upload.team_id,
            upload.key_id,
            upload.token_id,
            upload.content_type,
            upload.file_name,
            len(upload.body),
            upload.sha256,
            upload.body,
            ttl_seconds,
            team_limit_bytes,
        )
        async with self._large:
            rows = await self._database.execute(STORE, *values)
            if not rows:
                await self._database.execute(OPEN_USAGE, upload.team_id)
                rows = await self._database.execute(STORE, *values)
        return StoreOutcome.STORED if rows[0]["is_stored"] else await self._why_not(upload)

    async def _why_not(self, upload: NewUpload) -> StoreOutcome:
        rows = await self._database.execute(IS_THE_SAME, upload.id, upload.team_id, upload.sha256)
        if not rows:
            return StoreOutcome.NO_ROOM
        return StoreOutcome.THERE_ALREADY if rows[0]["is_same"] else StoreOutcome.OTHER_IS_THERE

    async def head(self, file_id: UUID) -> FileHead | None:
        """What is told of a file; None when it is not there or past its time."""
        rows = await self._database.execute(HEAD, file_id)
        return FileHead(**rows[0]) if rows else None

    async def body(self, file_id: UUID) -> bytes | None:
        """The bytes of a file."""
        async with self._large:
            rows = await self._database.execute(BODY, file_id)
        return bytes(rows[0]["body"]) if rows else None

    async def claim(self, claim: Claim) -> dict[UUID, OwnedFile]:
        """Those of the files that the asker may use; when all are, and fit, they are kept for the job."""
        rows = await self._database.execute(
            CLAIM,
            list(claim.file_ids),
            list(claim.addresses),
            claim.team_id,
            claim.token_id,
            claim.job_id,
            claim.keep_seconds,
            claim.limit_bytes,
            claim.is_noted,
        )
        return {row["id"]: OwnedFile(bytes(row["sha256"]), row["size_bytes"]) for row in rows}

    async def files_of(self, job_id: UUID) -> list[JobFile]:
        """The files that go upstream with a job as data."""
        async with self._large:
            rows = await self._database.execute(FILES_OF_JOB, job_id)
        return [JobFile(row["address"], row["content_type"], bytes(row["body"])) for row in rows]
