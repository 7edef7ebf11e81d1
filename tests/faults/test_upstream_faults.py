"""What the upstream does to jobs that wait for it, or that it has: away, slow, dripping, huge, lying."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import UUID

import pytest

from tests.conftest import StartGateway
from tests.support.accounts import Account, differences
from tests.support.caller import Caller
from tests.support.database import Database, fresh_database
from tests.support.faulty_upstream import (
    RESULT,
    STATUS,
    Act,
    FaultyUpstream,
    LongAnswers,
    Look,
    Wire,
    answer,
    faulty,
    resets,
    says,
)
from tests.support.gateway import Gateway, serve
from tests.support.scripted_upstream import ScriptedUpstream, scripted
from tests.support.stores import Stores, settings_for
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("upstream faults")

WAITING = "SELECT count(*) FROM jobs WHERE state IN ('accepted', 'submitting')"
# Not while one is being sent: whose time for that is over is unknown.
HURRY_ALL = """
    UPDATE work w SET due_at = now() FROM jobs j
    WHERE w.kind = 'follow' AND j.id = w.job_id AND NOT w.is_leased AND j.state <> 'submitting'
"""
OWED = "SELECT attempts, extract(epoch FROM due_at - now())::float8 AS due_in FROM work WHERE job_id = $1"
# What may be read of a result is 20 MB; six at once may be held, each as its pieces and put together.
ROOM_BYTES = 300_000_000
LARGE_BYTES = 4_000_000
# Of the large ones two are read at once and twelve wait; the others are put off.
LARGE, SMALL = 20, 4
TWO_AT_ONCE = {
    "result_limit_bytes": str(LARGE_BYTES + 1000),
    "upstream_results_limit_bytes": str(2 * LARGE_BYTES + 2000),
    "worker_slots": "24",
}
ENDED = "SELECT count(*) FROM jobs WHERE state = 'succeeded'"


def test_what_waited_for_an_outage_to_end_goes_out_once_and_not_all_at_once(
    start_gateway: StartGateway, on_exit: ExitStack, prompt: str
) -> None:
    """Hypothesis: nothing is lost and nothing doubled, places are bounded, and who has one keeps it."""
    upstream = on_exit.enter_context(faulty())
    upstream.seconds = 0.15
    gateway = start_gateway(upstream_url=upstream.address, accepted_backlog_limit="60")
    caller = gateway.caller()
    with upstream.away():
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(caller.submit, [f"{prompt} {number}." for number in range(60)]))
        # While one of them is just tried, another may have its place.
        answers += [caller.submit(f"{prompt} {number}.") for number in range(60, 63)]
        jobs = [answer.json()["request_id"] for answer in answers if answer.status_code == 200]
        refused = answers[-1]
        assert (len(jobs) <= 62, refused.status_code) == (True, 503)
        assert refused.json()["error_type"] == "upstream_unavailable"
        assert int(refused.headers["retry-after"]) > 0
        assert gateway.process.events("upstream.away")
        gateway.process.stop()
        # What is promised is kept, though fewer may wait by now.
        narrow = start_gateway(upstream_url=upstream.address, accepted_backlog_limit="1", accepted_slots="4")
        narrow.database.rows(HURRY_ALL)
        until(lambda: narrow.process.events("upstream.away"))
        assert narrow.database.value(WAITING) == len(jobs)
    until(lambda: narrow.process.events("upstream.back"))
    narrow.database.rows(HURRY_ALL)
    until(lambda: narrow.database.value(WAITING) == 0)
    for job_id in jobs:
        narrow.database.wait(job_id, "succeeded")
    sent = [upstream.whole(f"{prompt} {number}.") for number in range(63)]
    assert (sum(sent), max(sent)) == (len(jobs), 1)
    assert 2 <= upstream.most_open_submits <= 4
    assert differences(narrow.database) == []


@dataclass(frozen=True)
class Scene:
    """A gateway whose upstream fails as it is told to, another host that nobody may talk to, and a caller."""

    upstream: FaultyUpstream
    elsewhere: ScriptedUpstream
    gateway: Gateway
    caller: Caller

    @property
    def database(self) -> Database:
        return self.gateway.database

    def failed_looks(self, job_id: str) -> int:
        """How many looks in a row told nothing."""
        owed = self.database.rows(OWED, UUID(job_id))
        return int(owed[0]["attempts"]) if owed else 0

    def due_in(self, job_id: str) -> float:
        """In how many seconds the job is looked at."""
        [owed] = self.database.rows(OWED, UUID(job_id))
        return float(owed["due_in"])


@pytest.fixture(scope="module")
def served(
    stores: Stores, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[FaultyUpstream, ScriptedUpstream, Gateway]]:
    with faulty() as upstream, scripted(RESULT) as elsewhere, fresh_database(stores.database_url) as database:
        settings = settings_for(stores, database, upstream.address) | {"upstream_timeout_seconds": "5"}
        with serve(tmp_path_factory.mktemp("faulty"), database, settings=settings) as gateway:
            yield upstream, elsewhere, gateway
            assert differences(database) == []
            # What is odd is met in words; where it is a fault of ours the lease alone brings the job back.
            assert not gateway.process.events("work.failed")


@pytest.fixture
def scene(served: tuple[FaultyUpstream, ScriptedUpstream, Gateway]) -> Iterator[Scene]:
    upstream, elsewhere, gateway = served
    with gateway.caller() as caller:
        yield Scene(upstream, elsewhere, gateway, caller)


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"f4240\r\n" + b" " * 1_000_000 + b"\r\n"
REDIRECTS = {
    "moved elsewhere": "302 Found",
    "sent elsewhere for good": "308 Permanent Redirect",
}
ODD = ("garbage", "a list", "an unknown word", *REDIRECTS)

PASSING: dict[str, Act] = {
    "500": says(answer(b"{}", "500 Internal Server Error")),
    "503": says(answer(b"{}", "503 Service Unavailable")),
    "429": says(answer(b"{}", "429 Too Many Requests")),
    "401": says(answer(b"{}", "401 Unauthorized")),
    "garbage": says(answer(b"<html>Welcome</html>")),
    "a list": says(answer(b"[]")),
    "cut": says(OK + b"Content-Length: 100\r\n\r\n" + STATUS[-20:]),
    "reset": resets(),
    "not HTTP": says(b"220 mail.example.com ESMTP\r\n"),
    "never answered": says(b"", pause_seconds=10),
    "dripping": says(OK + b"Content-Length: 100\r\n\r\n", *[b" "] * 99, pause_seconds=0.1),
    "a gigabyte announced": says(OK + b"Content-Length: 1000000000\r\n\r\n{"),
    "without an end": says(OK + b"\r\n", *[b" " * 1_000_000] * 100),
    "chunks without an end": says(CHUNKED, *[CHUNK] * 100),
    "a bomb": says(answer(b"\x1f\x8b\x08\x00", "200 OK", "Content-Encoding: gzip")),
}


@pytest.mark.parametrize("look", ["status", "result"])
def test_looks_that_told_nothing_harm_no_job(scene: Scene, prompt: str, look: Look) -> None:
    """Hypothesis: each is looked at again later, ends as if nothing had been, and is charged once.

    One job for each fault, all at the same time: the first look meets it, the next one does not.
    """
    faults = dict(PASSING)
    for fault, status in REDIRECTS.items():
        faults[fault] = says(answer(b"{}", status, f"Location: {scene.elsewhere.address}/stolen"))
    unknown = b'{"status": "DANCING"}' if look == "status" else b"not JSON"
    faults["an unknown word"] = says(answer(unknown))
    for fault, act in faults.items():
        scene.upstream.fail_first_look(look, f"{prompt}: {fault}.", act)
    jobs = {fault: scene.caller.job(f"{prompt}: {fault}.") for fault in faults}
    for job_id in jobs.values():
        scene.database.wait(job_id, "succeeded")
    assert scene.upstream.unmet == []
    account = Account.of(scene.database, scene.caller)
    for fault, job_id in jobs.items():
        assert scene.upstream.whole(f"{prompt}: {fault}.") == 1
        assert [kind for kind, _, _ in account.ledger(job_id)] == ["reserve", "charge"]
    assert scene.elsewhere.requests == []
    told = {line["job_id"] for line in scene.gateway.process.events("upstream.odd_answer")}
    assert {fault for fault, job_id in jobs.items() if job_id in told} == set(ODD)


def test_what_an_upstream_sends_without_an_end_is_not_held(scene: Scene, prompt: str) -> None:
    """Hypothesis: of six endless results at once no more is in memory than may be read of each."""
    before = scene.gateway.resident_bytes()
    most = before
    endless = says(CHUNKED, *[CHUNK] * 300)
    with scene.upstream.failing_look("result", endless):
        jobs = [scene.caller.job(f"{prompt} {number}") for number in range(6)]

        def all_failed() -> bool:
            nonlocal most
            most = max(most, scene.gateway.resident_bytes())
            return all(scene.failed_looks(job_id) >= 2 for job_id in jobs)

        until(all_failed)
    for job_id in jobs:
        scene.database.wait(job_id, "succeeded")
    assert most - before < ROOM_BYTES


def test_of_many_large_results_two_are_read_at_a_time(
    start_gateway: StartGateway, on_exit: ExitStack, prompt: str
) -> None:
    """Hypothesis: small ones pass them by, and each ends well and is charged once, however long it waits."""
    upstream = on_exit.enter_context(faulty())
    gateway = start_gateway(upstream_url=upstream.address, **TWO_AT_ONCE)
    database, caller = gateway.database, gateway.caller()
    body = b'{"images": [{"url": "https://v3.fal.media/a.png"}], "padding": "%b"}' % (b"x" * LARGE_BYTES)
    answers = LongAnswers(answer(body), CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
    most = 0

    def are_ended() -> bool:
        nonlocal most
        whole, ended = answers.whole, database.value(ENDED) - SMALL
        most = max(most, whole - ended)
        return bool(ended == LARGE)

    with upstream.failing_look("result", answers, f"{prompt} large"):
        jobs = [caller.job(f"{prompt} large {number}") for number in range(LARGE)]
        until(lambda: gateway.process.events("look.put_off"))
        small = [caller.job(f"{prompt} small {number}") for number in range(SMALL)]
        for job_id in small:
            database.wait(job_id, "succeeded")
        until(lambda: answers.begun == 2)
        assert database.value("SELECT max(attempts) FROM work") == 0
        answers.may_end.set()
        until(are_ended)
    # One that finds no room while it is sent may look as if it was read.
    assert 0 < most <= 4
    account = Account.of(database, caller)
    for job_id in jobs + small:
        assert [kind for kind, _, _ in account.ledger(job_id)] == ["reserve", "charge"]
    assert {len(caller.result(job_id).content) for job_id in jobs} == {len(body)}
    assert differences(database) == []


def test_retry_after_puts_a_look_off(scene: Scene, prompt: str) -> None:
    busy = says(answer(b"{}", "429 Too Many Requests", "Retry-After: 30"))
    with scene.upstream.failing_look("status", busy):
        job_id = scene.caller.job(prompt)
        until(lambda: scene.failed_looks(job_id) == 1)
        assert 15 < scene.due_in(job_id) <= 36
    scene.database.rows(HURRY_ALL)
    scene.database.wait(job_id, "succeeded")


def test_a_status_that_goes_backwards_takes_nothing_back(scene: Scene, prompt: str) -> None:
    words = [b"IN_PROGRESS", b"IN_QUEUE", b"IN_PROGRESS"]

    def next_word(wire: Wire) -> None:
        wire.say(answer(b'{"status": "%b", "queue_position": 9}' % words.pop(0)) if words else STATUS)

    seen: list[str] = []
    with scene.upstream.failing_look("status", next_word):
        job_id = scene.caller.job(prompt)
        while not seen or seen[-1] != "COMPLETED":
            seen.append(scene.caller.word(job_id))
    assert words == []
    assert seen == sorted(seen, key=["IN_QUEUE", "IN_PROGRESS", "COMPLETED"].index)
    assert scene.database.history(job_id) == ["submitting", "queued", "running", "succeeded"]


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (answer(b'{"detail": "it broke"}', "500 Internal Server Error"), 500),
        (answer(b'{"detail": "it broke"}', "422 Unprocessable Entity"), 422),
        (answer(b'{"detail": "it broke"}'), 200),
    ],
    ids=["500", "422", "200"],
)
def test_complete_with_an_error_is_a_failure_that_costs_nothing(
    scene: Scene, prompt: str, result: bytes, code: int
) -> None:
    status = b'{"status": "COMPLETED", "error": "it broke", "error_type": "runner_server_error"}'
    with (
        scene.upstream.failing_look("status", says(answer(status))),
        scene.upstream.failing_look("result", says(result)),
    ):
        job_id = scene.caller.job(prompt)
        scene.caller.wait(job_id)
    job = scene.database.job(job_id)
    assert (job["state"], job["error_type"], job["cost_micros"]) == ("failed", "runner_server_error", 0)
    assert scene.caller.result(job_id).status_code == code
    account = Account.of(scene.database, scene.caller)
    assert [kind for kind, _, _ in account.ledger(job_id)] == ["reserve", "release"]


def test_a_result_that_is_gone_ends_its_job_as_expired(scene: Scene, prompt: str) -> None:
    gone = says(answer(b"{}", "404 Not Found"))
    with scene.upstream.failing_look("result", gone):
        job_id = scene.caller.job(prompt)

        def is_expired() -> bool:
            scene.database.rows(HURRY_ALL)
            return scene.database.state(job_id) == "expired"

        until(is_expired)
    assert scene.caller.result(job_id).json()["error_type"] == "upstream_error"
    assert scene.database.job(job_id)["cost_micros"] > 0
