"""Teams whose pictures are kept, what the vault says of them, and a vault within the test's own process."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson

from app.callers.pepper import derived_key
from app.operations.metrics import Metrics
from app.settings import Settings
from app.storage.postgres import Database as AppDatabase
from app.upstream.media_hosts import MediaHosts
from app.upstream.pictures import PictureSource
from app.upstream.transport import Transport
from app.vault.archive import archive_job
from app.vault.context import Vault, open_vault
from app.vault.kept import KeptImage
from app.vault.links import KEY_PURPOSE, sign_link
from app.vault.repository import ClaimedArchive
from tests.support.accounts import Account
from tests.support.caller import Caller
from tests.support.database import Database
from tests.support.gateway import Gateway
from tests.support.history import with_app_database
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.stores import PEPPER
from tests.support.waiting import until

KEY = derived_key(PEPPER.encode(), KEY_PURPOSE)
SMALL = {"width": 64, "height": 48}


def wants(database: Database, caller: Caller, **policy: object) -> Account:
    """Sets columns of the team's policy; by itself that its pictures are kept."""
    account = Account.of(database, caller)
    for name, value in {"keeps_images": True, **policy}.items():
        database.rows(f"UPDATE teams SET {name} = $1 WHERE id = $2", value, account.team_id)
    return account


def made(caller: Caller, prompt: str, **fields: object) -> str:
    """The id of a job that has ended, with a small picture."""
    asked: dict[str, Any] = {"image_size": SMALL, **fields}
    job_id = caller.job(prompt, **asked)
    caller.wait(job_id)
    return job_id


def images(caller: Caller, job_id: str) -> list[dict[str, Any]]:
    """What the vault says of a job's pictures."""
    answer = caller.get(f"/api/images/{job_id}").raise_for_status().json()
    assert answer["job_id"] == job_id
    found = answer["items"]
    assert isinstance(found, list)
    return found


def until_all(caller: Caller, job_id: str, state: str) -> list[dict[str, Any]]:
    """The pictures of a job, once all of them stand like this."""

    def found() -> list[dict[str, Any]]:
        seen = images(caller, job_id)
        return seen if seen and all(image["state"] == state for image in seen) else []

    return until(found)


def link(gateway: Gateway, path: str, *, seconds: int = 60) -> str:
    """A link as the gateway would sign it."""
    expires = str(int(time.time()) + seconds)
    return f"{gateway.address}{path}?expires={expires}&signature={sign_link(KEY, path, expires)}"


OWE = """
    WITH made AS (
        INSERT INTO jobs (id, team_id, key_id, model, state, created_at, completed_at)
        VALUES ($1, $2, $2, 'a/model', 'succeeded', now(), now()) RETURNING id
    ), answered AS (
        INSERT INTO job_results (job_id, status_code, headers, body) SELECT id, 200, '{}', $3 FROM made
    )
    INSERT INTO work (kind, job_id, due_at, attempts, epoch, is_leased)
    SELECT 'archive', id, now(), 0, 0, false FROM made
"""
DUE = "UPDATE work SET due_at = now() WHERE kind = 'archive' AND job_id = $1"
LIMIT_BYTES = 200_000


@dataclass
class VaultBench:
    """A vault on a database and a directory of the test's own, and a host that says what it likes."""

    app: AppDatabase
    vault: Vault
    host: ScriptedUpstream
    directory: Path

    async def team(self, **policy: object) -> UUID:
        """A new team that wants its pictures kept."""
        team_id = uuid4()
        await self.app.execute(
            "INSERT INTO teams (id, name, keeps_images) VALUES ($1, $2, true)", team_id, f"team {team_id}"
        )
        for name, value in policy.items():
            await self.app.execute(f"UPDATE teams SET {name} = $1 WHERE id = $2", value, team_id)
        return team_id

    async def owe(self, team_id: UUID, *paths: str) -> UUID:
        """A job that has ended with pictures at these paths of the host, or at these addresses."""
        urls = [path if ":" in path else self.host.address + path for path in paths]
        return await self.owe_body(team_id, orjson.dumps({"images": [{"url": url} for url in urls]}))

    async def owe_body(self, team_id: UUID, body: bytes) -> UUID:
        """A job that has ended with this answer."""
        job_id = uuid4()
        await self.app.execute(OWE, job_id, team_id, body)
        return job_id

    async def claim(self, job_id: UUID) -> ClaimedArchive:
        """Makes the pictures of a job due and takes them over."""
        await self.app.execute(DUE, job_id)
        return next(one for one in await self.vault.repository.claim_due(100) if one.job_id == job_id)

    async def archive(self, job_id: UUID) -> list[KeptImage]:
        """One try; the pictures of the job after it."""
        await archive_job(self.vault, await self.claim(job_id))
        return await self.images(job_id)

    async def images(self, job_id: UUID) -> list[KeptImage]:
        """The pictures of a job as the vault knows them, in order."""
        found = (await self.vault.repository.of_jobs([job_id])).get(job_id, {})
        return [found[place] for place in sorted(found)]

    def files(self) -> list[str]:
        """What is in the store."""
        paths = self.directory.rglob("*") if self.directory.exists() else []
        return sorted(str(path.relative_to(self.directory)) for path in paths if path.is_file())


def with_vault(
    database: Database,
    directory: Path,
    host: ScriptedUpstream,
    work: Callable[[VaultBench], Awaitable[None]],
    **settings: Any,
) -> None:
    """Runs a coroutine function with such a bench."""

    async def run(app: AppDatabase) -> None:
        transport = Transport.connect(connections=4, connect_seconds=30.0, total_seconds=60.0)
        metrics = Metrics()
        hosts = MediaHosts.of(host.address, ())
        source = PictureSource(hosts=hosts, transport=transport, metrics=metrics, limit_bytes=LIMIT_BYTES)
        chosen = Settings(data_dir=directory, **settings)
        vault = open_vault(
            chosen, app, PEPPER.encode(), "http://gateway.test", source=source, metrics=metrics
        )
        try:
            await work(VaultBench(app, vault, host, directory / "vault"))
        finally:
            await source.close()

    with_app_database(database, run)
