"""The gateway as users run it: `fluxgate serve` as a child process on a free port."""

import re
import resource
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from app.callers.key_material import digest_of, hint_of, new_key
from tests.support.caller import Caller
from tests.support.certificates import Certificates
from tests.support.database import Database, fresh_database
from tests.support.ports import free_port
from tests.support.processes import FLUXGATE, NO_SETTINGS, Child, running
from tests.support.simulator import Simulator
from tests.support.stores import PEPPER, Stores, settings_for
from tests.support.waiting import PATIENCE_SECONDS, until

# A process that starts wants a core for itself, which many tests want too.
START_SECONDS = 120.0


@dataclass
class Gateway:
    """One running gateway, the database behind it, and the callers that were made for it."""

    process: Child
    address: str
    database: Database
    verify: ssl.SSLContext | bool = True
    _callers: ExitStack = field(default_factory=ExitStack)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """A request without a credential."""
        url = f"{self.address}{path}"
        return httpx.get(url, verify=self.verify, trust_env=False, timeout=PATIENCE_SECONDS, **options)

    def caller(self, key: str | None = None) -> Caller:
        """A client with this key, or with that of a new team."""
        key = key or make_keys(self.database, 1)[0]
        caller = Caller(self.address, key, self.verify)
        self._callers.callback(caller.close)
        return caller

    def metric(self, start: str) -> float:
        """The sum of all metrics whose name and labels start like this."""
        lines = self.get("/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(start))

    def answered(self, status: int, operation: str = "submit") -> float:
        """How many requests of this kind got this status so far."""
        lines = self.get("/metrics").text.splitlines()
        labels = (f'route="{operation}"', f'status="{status}"')
        counts = [line for line in lines if line.startswith("fluxgate_request_seconds_count{")]
        found = (line for line in counts if all(label in line for label in labels))
        return sum(float(line.rpartition(" ")[2]) for line in found)

    def resident_bytes(self) -> int:
        """The memory that its process has now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize()

    def peak_bytes(self) -> int:
        """The most memory that its process has had at any moment."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def close(self) -> None:
        """Closes the connections of its callers."""
        self._callers.close()


def make_keys(database: Database, number: int) -> list[str]:
    """Keys of one new team."""
    team_id = uuid4()
    database.rows("INSERT INTO teams (id, name) VALUES ($1, $2)", team_id, f"team-{team_id}")
    database.rows("INSERT INTO allowances (scope_id, scope) VALUES ($1, 'team')", team_id)
    keys = [new_key() for _ in range(number)]
    for key in keys:
        key_id, digest, hint = uuid4(), digest_of(key, PEPPER.encode()), hint_of(key)
        database.rows(
            "INSERT INTO api_keys (id, team_id, name, digest, hint) VALUES ($1, $2, 'a key', $3, $4)",
            key_id,
            team_id,
            digest,
            hint,
        )
        database.rows("INSERT INTO allowances (scope_id, scope) VALUES ($1, 'key')", key_id)
    return keys


@contextmanager
def serve(
    directory: Path,
    database: Database,
    *options: str,
    settings: Mapping[str, str] = NO_SETTINGS,
    trust: Certificates | None = None,
    under: Sequence[str] = (),
    port: int | None = None,
) -> Iterator[Gateway]:
    """A gateway that answers requests; it is stopped at the end of the block.

    With `trust` its callers speak TLS and believe that authority alone; the options or the settings name
    the files. `under` is the beginning of a command that runs the one that follows it. Without a port it
    takes a free one.
    """
    port = port or free_port()
    scheme, verify = ("https", trust.context()) if trust else ("http", True)
    address = f"{scheme}://127.0.0.1:{port}"
    command = (*under, FLUXGATE, "serve", "--port", str(port), *options)
    with running(directory, *command, settings=settings) as process:
        gateway = Gateway(process, address, database, verify)
        try:
            until(lambda: is_ready(process, address, verify=verify), START_SECONDS)
            yield gateway
        finally:
            gateway.close()


@contextmanager
def serve_alone(stores: Stores, simulator: Simulator, directory: Path, **settings: str) -> Iterator[Gateway]:
    """A gateway with a database of its own in front of the shared upstream; keywords are settings."""
    with fresh_database(stores.database_url) as database:
        own = {**settings_for(stores, database, simulator.address), **settings}
        with serve(directory, database, settings=own) as gateway:
            yield gateway


def find_address(process: Child) -> str:
    """Where it says that it serves."""
    found = until(lambda: re.search(r"^Fluxgate serves on (\S+)\n", process.log(), re.MULTILINE))
    assert found
    return found[1]


def is_ready(process: Child, address: str, *, verify: ssl.SSLContext | bool) -> bool:
    """Whether requests should be sent there."""
    assert process.is_running, process.log()
    try:
        return httpx.get(f"{address}/readyz", verify=verify, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
