"""The simulated upstream as a child process; what it has accepted is the oracle of the tests."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.ports import free_port
from tests.support.processes import Child, running
from tests.support.stores import UPSTREAM_KEY
from tests.support.waiting import PATIENCE_SECONDS, until

CREDENTIAL = {"authorization": f"Key {UPSTREAM_KEY}"}


class Simulator(httpx.Client):
    """A look inside one simulated upstream."""

    process: Child

    @property
    def address(self) -> str:
        return str(self.base_url).rstrip("/")

    def inside(self) -> dict[str, Any]:
        answer = self.get("/_simulator/accepted").raise_for_status().json()
        assert isinstance(answer, dict)
        return answer

    def accepted(self, prompt: str) -> list[dict[str, Any]]:
        """The jobs it has accepted with exactly this prompt."""
        return [job for job in self.inside()["accepted"] if job["body"].get("prompt") == prompt]

    def only(self, prompt: str) -> dict[str, Any]:
        """The one job with this prompt."""
        [job] = self.accepted(prompt)
        return job

    def ask(self, path: str, prompt: str) -> httpx.Response:
        """What it answers when it is asked directly."""
        return self.post(path, json={"prompt": prompt}, headers=CREDENTIAL)

    def result_of(self, upstream_id: str) -> httpx.Response:
        """A result as the upstream gives it."""
        return self.get(f"/fal-ai/flux-1/requests/{upstream_id}", headers=CREDENTIAL)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections and answers nothing until the end of the block."""
        self.process.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send(signal.SIGCONT)

    def calls(self) -> int:
        """How many calls of any kind it has seen."""
        return sum(self.inside()["counts"].values())


@contextmanager
def simulate(
    directory: Path,
    *,
    profile: str = "fal",
    run_seconds: float = 0.2,
    concurrency: int = 500,
    port: int | None = None,
    key: str = UPSTREAM_KEY,
    journal: Path | None = None,
    fetch_images: bool = False,
) -> Iterator[Simulator]:
    """A simulated upstream that takes one key and runs jobs side by side.

    Without a port it takes one that the kernel gives to nobody: a test may start it there again.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "app.simulator", "--profile", profile, "--key", key, "--port", str(port)]
    command += ["--run-seconds", str(run_seconds), "--concurrency", str(concurrency)]
    command += ["--journal", str(journal)] if journal else []
    command += ["--fetch-images"] if fetch_images else []
    with running(directory, *command) as process:
        line = until(lambda: process.log() if process.log().endswith("\n") or not process.is_running else "")
        address = f"http://127.0.0.1:{json.loads(line)['port']}"
        with Simulator(base_url=address, trust_env=False, timeout=PATIENCE_SECONDS) as simulator:
            simulator.process = process
            yield simulator
