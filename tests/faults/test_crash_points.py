"""SIGKILL at every point of a job's life where a crash leaves something half done, and a checker afterwards.

The process is stalled there from outside, by a lock on the row that it is about to write or by an upstream or
a receiver that does not answer, and is killed while it waits. Nothing in the gateway knows of these tests.
"""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import httpx
import pytest

from tests.conftest import StartGateway, StartSimulator
from tests.support.caller import DEV, Caller
from tests.support.checker import check_deliveries, check_history, is_settled
from tests.support.database import BLOCKED, END_BLOCKED, Database, under_way
from tests.support.gateway import Gateway
from tests.support.receiver import Receiver, receiving
from tests.support.simulator import Simulator
from tests.support.waiting import until
from tests.support.webhooks import ALLOWING

FAST = {
    "lease_seconds": "6",
    "upstream_timeout_seconds": "5",
    "database_timeout_seconds": "5",
    "unknown_patience_seconds": "1",
    "upstream_webhooks": "off",
    **ALLOWING,
}
LOCK_TEAM = "SELECT FROM allowances FOR UPDATE"
LOCK_JOB = "SELECT FROM jobs FOR UPDATE"


@dataclass
class Scene:
    """One gateway that is going to be killed, and what is known of the jobs that it was sent."""

    start: StartGateway
    upstream: Simulator
    answered: dict[str, str] = field(default_factory=dict)
    gateway: Gateway = field(init=False)
    caller: Caller = field(init=False)

    def __post_init__(self) -> None:
        self.gateway = self.start(upstream=self.upstream, **FAST)
        self.caller = self.gateway.caller()

    @property
    def database(self) -> Database:
        return self.gateway.database

    def submit(self, prompt: str, webhook: str | None = None, key: str | None = None) -> None:
        """Sends a job, and notes it if it is answered."""
        params = {"fal_webhook": webhook} if webhook else {}
        headers = {"idempotency-key": key} if key else {}
        with suppress(httpx.TransportError):
            answer = self.caller.post(DEV, params=params, headers=headers, json={"prompt": prompt})
            if answer.is_success:
                self.answered[answer.json()["request_id"]] = prompt

    @contextmanager
    def submitting(self, prompt: str, key: str | None = None) -> Iterator[None]:
        """A submit that is under way; whatever comes of it is noted at the end of the block."""
        with ThreadPoolExecutor(1) as threads:
            sending = threads.submit(self.submit, prompt, key=key)
            yield
            sending.result()

    def kill(self) -> None:
        """Ends the gateway, and what PostgreSQL still does for it, as when the machine is gone."""
        self.gateway.process.kill()
        self.database.rows(END_BLOCKED)

    def go_on(self, **settings: str) -> None:
        """Another process takes over, until nothing is left to do; then everything has to agree."""
        key = self.caller.key
        self.gateway = self.start(upstream=self.upstream, **{**FAST, **settings})
        self.caller = self.gateway.caller(key)
        until(lambda: is_settled(self.database))
        until(lambda: not self.is_open())
        check_history(self.database, [self.upstream], self.answered)

    def is_open(self) -> bool:
        return bool(self.database.rows("SELECT FROM jobs WHERE completed_at IS NULL"))

    def blocked(self) -> bool:
        """Whether the gateway waits for a lock."""
        return bool(self.database.rows(BLOCKED))

    def states(self) -> list[str]:
        return [row["state"] for row in self.database.rows("SELECT state FROM jobs ORDER BY id")]

    def counted(self, operation: str) -> int:
        """How often the upstream was asked for this."""
        return int(self.upstream.inside()["counts"].get(operation, 0))


@pytest.fixture
def scene(start_gateway: StartGateway, start_simulator: StartSimulator) -> Scene:
    return Scene(start_gateway, start_simulator())


@pytest.fixture
def receiver(on_exit: ExitStack) -> Receiver:
    return on_exit.enter_context(receiving())


def test_before_the_job_is_recorded(scene: Scene, prompt: str) -> None:
    """Hypothesis: nothing exists, nothing was sent, nothing is reserved."""
    with under_way(scene.database, LOCK_TEAM), scene.submitting(prompt):
        until(scene.blocked)
        scene.kill()
    scene.go_on()
    assert (scene.states(), scene.upstream.accepted(prompt)) == ([], [])


def test_before_the_first_byte_reaches_the_upstream(
    scene: Scene, start_gateway: StartGateway, prompt: str
) -> None:
    """Hypothesis: it may have been sent for all that is known; unknown, then lost, and never sent."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        scene.gateway.process.stop()
        scene.gateway = start_gateway(**FAST, upstream_url=address)
        scene.caller = scene.gateway.caller(scene.caller.key)
        with scene.submitting(prompt):
            until(lambda: scene.states() == ["submitting"])
            scene.kill()
    scene.go_on()
    assert (scene.states(), scene.upstream.accepted(prompt)) == (["lost"], [])


def test_after_the_upstream_has_accepted_before_it_answers(scene: Scene, prompt: str) -> None:
    """Hypothesis: paid once, unknown, then lost with its money charged; not sent again."""
    words = f"{prompt} [submit hang 4]"
    with scene.submitting(words):
        until(lambda: scene.upstream.accepted(words))
        scene.kill()
    scene.go_on()
    assert (scene.states(), len(scene.upstream.accepted(words))) == (["lost"], 1)


def test_after_the_record_a_repeat_under_the_same_key_is_the_same_job(scene: Scene, prompt: str) -> None:
    """Hypothesis: whoever was not answered asks again, is given that job, and nothing is sent twice."""
    words = f"{prompt} [submit hang 4]"
    with scene.submitting(words, key=prompt):
        until(lambda: scene.upstream.accepted(words))
        scene.kill()
    assert scene.answered == {}
    scene.go_on()
    scene.submit(words, key=prompt)
    assert scene.answered == {str(scene.database.value("SELECT id FROM jobs")): words}
    assert (scene.states(), len(scene.upstream.accepted(words))) == (["lost"], 1)


def test_while_the_job_waits_for_an_upstream_that_is_away(
    scene: Scene, start_simulator: StartSimulator, prompt: str
) -> None:
    """Hypothesis: nothing of it was sent, so another process sends it, once."""
    scene.upstream.process.kill()
    scene.submit(prompt)
    until(lambda: scene.states() == ["accepted"])
    scene.kill()
    scene.upstream = start_simulator(port=scene.upstream.base_url.port)
    scene.go_on()
    assert (scene.states(), len(scene.upstream.accepted(prompt))) == (["succeeded"], 1)


def test_after_the_answer_before_it_is_recorded(scene: Scene, prompt: str) -> None:
    """Hypothesis: the same: the id died with the process."""
    words = f"{prompt} [submit hang 3]"
    with scene.submitting(words):
        until(lambda: scene.upstream.accepted(words))
        with under_way(scene.database, LOCK_JOB):
            until(scene.blocked)
            scene.kill()
    scene.go_on()
    assert (scene.states(), len(scene.upstream.accepted(words))) == (["lost"], 1)


def test_after_the_job_is_answered(scene: Scene, prompt: str) -> None:
    """Hypothesis: another process follows it to its end."""
    scene.submit(f"{prompt} [queue 1]")
    scene.kill()
    scene.go_on()
    assert scene.states() == ["succeeded"]


def test_within_a_look(scene: Scene, prompt: str) -> None:
    """Hypothesis: looks are harmless; another process looks again."""
    scene.submit(f"{prompt} [status hang 2]")
    until(lambda: scene.counted("status") > 0)
    scene.kill()
    scene.go_on()
    assert scene.states() == ["succeeded"]


def test_after_the_result_is_read_before_it_is_stored(scene: Scene, prompt: str) -> None:
    """Hypothesis: it is fetched again, and charged once."""
    scene.submit(f"{prompt} [slow 4]")
    with under_way(scene.database, LOCK_JOB):
        until(lambda: scene.counted("result") > 0 and scene.blocked())
        scene.kill()
    scene.go_on()
    assert scene.states() == ["succeeded"]
    assert scene.counted("result") > 1


def test_after_the_end_is_recorded_before_its_webhook_is_sent(
    scene: Scene, start_gateway: StartGateway, receiver: Receiver, prompt: str
) -> None:
    """Hypothesis: it is owed by the row that the end left; another process sends it."""
    scene.gateway.process.stop()
    scene.gateway = start_gateway(upstream=scene.upstream, **FAST, webhook_slots_per_host="1")
    scene.caller = scene.gateway.caller(scene.caller.key)
    with receiver.held():
        scene.submit(f"{prompt} first", receiver.address)
        until(lambda: receiver.requests)
        # The receiver is busy with the first one, so the second is owed and not begun.
        scene.submit(f"{prompt} second", receiver.address)
        until(lambda: scene.states() == ["succeeded", "succeeded"])
        scene.kill()
    assert len(receiver.requests) == 1
    scene.go_on()
    check_deliveries(receiver.requests, list(scene.answered))


def test_within_a_delivery(scene: Scene, receiver: Receiver, prompt: str) -> None:
    """Hypothesis: delivered again under the same id, to a receiver that may have read it already."""
    with receiver.held():
        scene.submit(prompt, receiver.address)
        until(lambda: receiver.requests)
        scene.kill()
    scene.go_on()
    check_deliveries(receiver.requests, list(scene.answered))
    assert len(receiver.requests) > 1


def test_before_a_delivery_that_was_made_is_recorded(scene: Scene, receiver: Receiver, prompt: str) -> None:
    """Hypothesis: the same."""
    with receiver.held() as let_go:
        scene.submit(prompt, receiver.address)
        until(lambda: receiver.requests)
        with under_way(scene.database, "SELECT FROM deliveries FOR UPDATE"):
            let_go()
            until(scene.blocked)
            scene.kill()
    scene.go_on()
    check_deliveries(receiver.requests, list(scene.answered))
    assert len(receiver.requests) > 1


def test_within_a_cancellation(scene: Scene, prompt: str) -> None:
    """Hypothesis: the job ends, cancelled or not, and is settled once."""
    words = f"{prompt} [queue 6] [cancel hang 4]"
    scene.submit(words)
    [job_id] = scene.answered

    def cancel() -> None:
        with suppress(httpx.TransportError):
            scene.caller.cancel(job_id)

    asking = threading.Thread(target=cancel)
    asking.start()
    until(lambda: scene.counted("cancel") > 0)
    scene.kill()
    asking.join()
    scene.go_on()
    assert scene.states()[0] in ("cancelled", "succeeded")
