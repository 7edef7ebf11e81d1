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

# The room is decided under the locks of the sums, of the team and of the browser token if there is one, with
# the sums as they are then. In one statement: the bytes are with PostgreSQL before a lock is taken, so no
# process holds one while it thinks or stalls.
STORE: Final = """
    WITH held AS (
        SELECT scope_id, stored_bytes + $7::int AS wanted_bytes FROM upload_usage
        WHERE scope_id IN ($2::uuid, $4::uuid)
        ORDER BY scope_id FOR UPDATE
    ), room AS (
        SELECT count(*) = 1 + ($4 IS NOT NULL)::int AS is_known,
            COALESCE(bool_or(wanted_bytes > $11::bigint) FILTER (WHERE scope_id = $2), false) AS is_team_full,
            COALESCE(bool_or(wanted_bytes > $12::bigint) FILTER (WHERE scope_id = $4), false) AS is_token_full
        FROM held
    ), stored AS (
        INSERT INTO uploads (id, team_id, key_id, token_id, content_type, file_name, size_bytes, sha256, body,
            created_at, expires_at)
        SELECT $1::uuid, $2, $3::uuid, $4, $5::text, $6::text, $7, $8::bytea, $9::bytea, now(),
            now() + make_interval(secs => $10::float8)
        FROM room WHERE is_known AND NOT is_team_full AND NOT is_token_full
        ON CONFLICT (id) DO NOTHING
        RETURNING size_bytes
    ), counted AS (
        UPDATE upload_usage AS u SET stored_bytes = u.stored_bytes + s.size_bytes
        FROM stored AS s WHERE u.scope_id IN ($2, $4)
    )
    SELECT is_known, is_token_full, EXISTS (SELECT FROM stored) AS is_stored FROM room
"""

OPEN_USAGE: Final = """
    INSERT INTO upload_usage (scope_id, stored_bytes)
    SELECT scope_id, 0 FROM unnest($1::uuid[]) AS scopes (scope_id) ORDER BY scope_id
    ON CONFLICT DO NOTHING
"""

IS_THE_SAME: Final = "SELECT (team_id = $2 AND sha256 = $3) AS is_same FROM uploads WHERE id = $1"

HEAD: Final = """
    SELECT content_type, size_bytes, extract(epoch FROM expires_at - now())::float8 AS seconds_left
    FROM uploads WHERE id = $1 AND expires_at > now()
"""

# The column is stored uncompressed, so that a piece costs no more than it is long.
PIECE: Final = "SELECT substring(body FROM $2::int + 1 FOR $3::int) AS piece FROM uploads WHERE id = $1"

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
    NO_ROOM_FOR_TOKEN = auto()


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

    async def store(
        self, upload: NewUpload, *, ttl_seconds: float, team_limit_bytes: int, token_limit_bytes: int
    ) -> StoreOutcome:
        """Stores a file if it fits below the limits with all others of its team, and of its token.

        Raises:
            StorageUnavailable: PostgreSQL does not answer.
        """
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
            token_limit_bytes,
        )
        async with self._large:
            [row] = await self._database.execute(STORE, *values)
            while not row["is_known"]:
                # The first file of its owner, or the first since all others have gone.
                scopes = [scope for scope in (upload.team_id, upload.token_id) if scope is not None]
                await self._database.execute(OPEN_USAGE, scopes)
                [row] = await self._database.execute(STORE, *values)
        if row["is_stored"]:
            return StoreOutcome.STORED
        no_room = StoreOutcome.NO_ROOM_FOR_TOKEN if row["is_token_full"] else StoreOutcome.NO_ROOM
        return await self._there_already(upload) or no_room

    async def _there_already(self, upload: NewUpload) -> StoreOutcome | None:
        rows = await self._database.execute(IS_THE_SAME, upload.id, upload.team_id, upload.sha256)
        if not rows:
            return None
        return StoreOutcome.THERE_ALREADY if rows[0]["is_same"] else StoreOutcome.OTHER_IS_THERE

    async def head(self, file_id: UUID) -> FileHead | None:
        """What is told of a file; None when it is not there or past its time."""
        rows = await self._database.execute(HEAD, file_id)
        return FileHead(**rows[0]) if rows else None

    async def piece(self, file_id: UUID, *, at: int, size: int) -> bytes:
        """So many bytes of a file from there on; none where the file is not there any more."""
        async with self._large:
            rows = await self._database.execute(PIECE, file_id, at, size)
        return bytes(rows[0]["piece"]) if rows else b""

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
