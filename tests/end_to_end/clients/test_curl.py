"""curl, as it is on the machine: the status is all that it looks at, and so the status has to be right."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.accounts import Account, while_full
from tests.support.caller import DEV, Caller
from tests.support.gateway import Gateway
from tests.support.processes import environment
from tests.support.simulator import Simulator

TIME_IS_UP = 28
PRICE_MICROS = 19_661  # one picture of 1024 x 768 at 0.025 a megapixel

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None, reason="curl is not on this machine: the gateway was NOT called with it"
)


@dataclass(frozen=True)
class Answer:
    """What curl made of it: its exit code, the status and the body."""

    exit_code: int
    status: int
    body: Any


Curl = Callable[..., Answer]


@pytest.fixture
def curl(gateway: Gateway, caller: Caller) -> Curl:
    """Calls the gateway with curl; the words are options of curl's."""

    def call(
        path: str, *words: str, prompt: str | None = None, key: str = caller.key, **fields: Any
    ) -> Answer:
        command = ["curl", "--silent", "--show-error", "--write-out", "\n%{http_code}", *words]
        command += ["--header", f"Authorization: Bearer {key}"]
        if prompt is not None:
            command += ["--header", "Content-Type: application/json"]
            command += ["--data", json.dumps({"prompt": prompt, **fields})]
        done = subprocess.run(
            [*command, f"{gateway.address}{path}"],
            env=environment({}),
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        body, _, status = done.stdout.rpartition("\n")
        return Answer(done.returncode, int(status or 0), json.loads(body) if body else None)

    return call


def test_success(curl: Curl, simulator: Simulator, prompt: str) -> None:
    submitted = curl(DEV, prompt=prompt)
    assert (submitted.status, submitted.body["status"]) == (200, "IN_QUEUE")
    waited = curl(f"/run{DEV}", prompt=f"{prompt} too")
    assert (waited.status, waited.body["prompt"]) == (200, f"{prompt} too")
    simulator.only(prompt)
    simulator.only(f"{prompt} too")


def test_wrong_input(curl: Curl, simulator: Simulator, prompt: str) -> None:
    answer = curl(DEV, "--fail-with-body", prompt=prompt, num_images=9)
    assert (answer.exit_code, answer.status) == (22, 422)
    assert answer.body["detail"][0]["loc"] == ["body", "num_images"]
    assert not simulator.accepted(prompt)


@pytest.mark.parametrize("status", [500, 422])
def test_a_failed_job(curl: Curl, simulator: Simulator, prompt: str, status: int) -> None:
    failing = f"{prompt} [fail {status}]"
    assert curl(f"/run{DEV}", prompt=failing).status == status
    simulator.only(failing)


def test_a_cancelled_job(curl: Curl, caller: Caller, prompt: str) -> None:
    path = f"{DEV}/requests/{curl(DEV, prompt=f'{prompt} [slow 60]').body['request_id']}"
    assert curl(path).status == 400
    assert curl(f"{path}/cancel", "--request", "PUT").status in {200, 202}
    caller.wait(path.rpartition("/")[2])
    ended = curl(path)
    assert (ended.status, ended.body["error_type"]) == (499, "client_cancelled")
    assert curl(f"{path}/cancel", "--request", "PUT").status == 400


def test_a_job_outlives_the_time_of_its_caller(
    curl: Curl, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    slow = f"{prompt} [slow 9]"
    assert curl(f"/run{DEV}", "--max-time", "5", prompt=slow).exit_code == TIME_IS_UP
    [row] = gateway.database.rows("SELECT job_id FROM job_inputs WHERE prompt = $1", slow)
    gateway.database.wait(str(row["job_id"]), "succeeded")
    assert curl(f"{DEV}/requests/{row['job_id']}").body["prompt"] == slow
    simulator.only(slow)


def test_a_full_house_is_waited_for_and_paid_once(
    curl: Curl, gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    """`--retry` goes by `Retry-After`."""
    answer = while_full(gateway, caller, lambda: curl(DEV, "--retry", "5", "--fail", prompt=prompt))
    assert (answer.exit_code, answer.status, answer.body["status"]) == (0, 200, "IN_QUEUE")
    simulator.only(prompt)


def test_a_rate_limit(curl: Curl, gateway: Gateway, caller: Caller, prompt: str) -> None:
    limit = "UPDATE api_keys SET requests_per_minute = 1 WHERE hint = $1"
    gateway.database.rows(limit, caller.key[-4:])
    caller.job(f"{prompt} first")
    answer = curl(DEV, prompt=prompt)
    assert (answer.status, answer.body["error_type"]) == (429, "rate_limited")


def test_a_spent_budget(curl: Curl, gateway: Gateway, caller: Caller, prompt: str) -> None:
    Account.of(gateway.database, caller).limit_team(budget_micros=PRICE_MICROS - 1)
    answer = curl(DEV, prompt=prompt)
    assert (answer.status, answer.body["error_type"]) == (402, "budget_exceeded")


def test_a_dead_key(curl: Curl, prompt: str) -> None:
    assert curl(DEV, prompt=prompt, key="fg_dead").status == 401
