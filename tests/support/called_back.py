"""A gateway that its upstream calls back, and what came of that."""

from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.support.database import Database
from tests.support.gateway import Gateway
from tests.support.simulator import Simulator
from tests.support.waiting import until

OUTCOMES = ("heard", "repeated", "late", "mismatch", "forged", "stale", "missed")


def called_back(upstream: Simulator) -> dict[str, str]:
    """The settings with which a gateway asks its upstream for webhooks, on addresses of this machine too."""
    return {"upstream_webhooks": "on", "upstream_jwks_url": f"{upstream.address}/.well-known/jwks.json"}


class Scene:
    """The gateway, a caller of it, and how many webhooks came to what since this was made."""

    def __init__(self, gateway: Gateway, upstream: Simulator) -> None:
        self.gateway = gateway
        self.database = gateway.database
        self.upstream = upstream
        self.caller = gateway.caller()
        self._before = {outcome: self._count(outcome) for outcome in OUTCOMES}

    def heard(self, outcome: str) -> int:
        """How many webhooks came to this."""
        return self._count(outcome) - self._before[outcome]

    def events(self, name: str, job_id: str) -> list[dict[str, Any]]:
        """The gateway's log lines of this name on this job."""
        return [line for line in self.gateway.process.events(name) if line["job_id"] == job_id]

    def show_that_webhooks_arrive(self) -> None:
        """Without this every job is looked at as if there were none."""
        before = self.heard("heard")
        self.caller.wait(self.caller.job(f"a first one {uuid4()}"))
        until(lambda: self.heard("heard") > before)

    def told_id(self, job_id: str) -> str | None:
        """Under which id the upstream told of this job's end."""
        value = self.database.value("SELECT told_id FROM jobs WHERE id = $1", UUID(job_id))
        return None if value is None else str(value)

    def letter(self, prompt: str) -> dict[str, Any]:
        """The last webhook that was sent for the job with this prompt, once one was."""
        tries = until(lambda: self.upstream.only(prompt)["webhook_tries"])
        assert isinstance(tries[-1], dict)
        return tries[-1]

    def address(self, prompt: str) -> str:
        """Where the upstream was asked to call for the job with this prompt."""
        return str(self.upstream.only(prompt)["webhook"])

    def _count(self, outcome: str) -> int:
        return int(self.gateway.metric(f'fluxgate_upstream_webhooks_total{{outcome="{outcome}"}}'))


def send(address: str, letter: dict[str, Any], body: str | None = None) -> httpx.Response:
    """Sends a webhook that was sent before, perhaps with another body."""
    headers = letter["headers"] | {"content-type": "application/json"}
    return httpx.post(
        address,
        content=letter["body"] if body is None else body,
        headers=headers,
        trust_env=False,
        timeout=60,
    )


def seconds_to_look(database: Database, job_id: str, *, since: str = "now()") -> float:
    """When a job is looked at next: from now on, or since another moment in its life.

    While it is being looked at there is its lease in that place, so that look is waited for.
    """
    statement = f"""
        SELECT extract(epoch FROM due_at - {since})::float8 AS seconds
        FROM work w JOIN jobs j ON j.id = w.job_id WHERE w.job_id = $1 AND NOT w.is_leased
    """
    [row] = until(lambda: database.rows(statement, UUID(job_id)))
    return float(row["seconds"])


def seconds_taken(database: Database, job_id: str) -> float:
    """From the upstream's acceptance of a job to its end here."""
    statement = "SELECT extract(epoch FROM completed_at - submitted_at)::float8 FROM jobs WHERE id = $1"
    return float(database.value(statement, UUID(job_id)))
