"""What each fault of a submit proves, over raw sockets: the state of the job, its money, and its caller.

The oracle is what the upstream has read whole: nothing else can have been accepted, and paid.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from uuid import UUID

import pytest

from tests.conftest import StartGateway
from tests.support.accounts import Account, differences
from tests.support.caller import Caller
from tests.support.certificates import make_certificates
from tests.support.database import fresh_database, under_way
from tests.support.faulty_upstream import (
    Act,
    At,
    FaultyUpstream,
    Wire,
    accepted,
    answer,
    closes,
    faulty,
    resets,
    resets_unread,
    says,
)
from tests.support.gateway import Gateway, serve
from tests.support.stores import Stores, settings_for
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("submit faults")

# Since its last move, so that it does not matter when it is asked.
DUE_IN = """
    SELECT extract(epoch FROM due_at - (SELECT max(at) FROM job_events WHERE job_id = $1))::float8 FROM work
    WHERE kind = 'follow' AND job_id = $1
"""
PUT_OFF = """
    WITH old AS (SELECT job_id, due_at FROM work WHERE kind = 'follow' AND job_id = $1 FOR UPDATE)
    UPDATE work w SET due_at = now() + interval '1 h' FROM old
    WHERE w.kind = 'follow' AND w.job_id = old.job_id AND NOT w.is_leased
    RETURNING extract(epoch FROM old.due_at - (
        SELECT max(at) FROM job_events WHERE job_id = $1
    ))::float8 AS due
"""
# Not while it is being sent: whose time for that is over is unknown.
HURRY = """
    UPDATE work w SET due_at = now() FROM jobs j
    WHERE w.kind = 'follow' AND j.id = w.job_id AND j.id = $1 AND NOT w.is_leased AND j.state <> 'submitting'
"""
# Ends the question how many jobs wait already, once it waits for a lock.
END_COUNT = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
        AND query LIKE '%FROM jobs WHERE state = ''accepted''%'
"""
QUICK = {"upstream_timeout_seconds": "6", "upstream_connect_timeout_seconds": "6"}
SECRET = "no key of yours pays for this"


@dataclass(frozen=True)
class Scene:
    """A gateway whose upstream fails as it is told to, and a caller of a team of its own."""

    upstream: FaultyUpstream
    gateway: Gateway
    caller: Caller

    def submit(self, prompt: str, at: At, act: Act) -> str:
        """The job of a submit that met this fault and was answered all the same."""
        with self.upstream.failing(at, act):
            return self.caller.job(prompt)

    def note(self, job_id: str) -> str:
        """What is noted about its last move."""
        statement = "SELECT note FROM job_events WHERE job_id = $1 ORDER BY id DESC LIMIT 1"
        return str(self.gateway.database.value(statement, UUID(job_id)))

    def due_in(self, job_id: str) -> float:
        """In how many seconds the job is looked at, or sent."""
        return float(self.gateway.database.value(DUE_IN, UUID(job_id)))

    def check_held(self, job_id: str, state: str) -> None:
        """It stands there, its money is reserved and nothing is charged, and its caller sees it queued."""
        database = self.gateway.database
        job = database.job(job_id)
        assert (job["state"], job["completed_at"], job["cost_micros"]) == (state, None, None)
        account = Account.of(database, self.caller)
        assert account.ledger(job_id) == [("reserve", job["reserved_micros"], 0)]
        assert (account.team()["reserved_micros"], account.team()["in_flight"]) == (job["reserved_micros"], 1)
        assert job["reserved_micros"] > 0
        told = self.caller.status(job_id)
        assert (told.status_code, told.json()["status"]) == (202, "IN_QUEUE")
        assert self.caller.result(job_id).status_code == 400

    def check_released(self, job_id: str) -> None:
        """It has failed, and costs nothing."""
        database = self.gateway.database
        assert database.state(job_id) == "failed"
        account = Account.of(database, self.caller)
        assert [kind for kind, _, _ in account.ledger(job_id)] == ["reserve", "release"]
        assert (account.team()["reserved_micros"], account.team()["spent_micros"]) == (0, 0)
        assert account.team()["in_flight"] == 0

    def check_unknown(self, job_id: str, prompt: str, *, whole: int) -> None:
        """It is held as unknown, nobody is going to send it again, and it was sent once at the most."""
        self.check_held(job_id, "unknown")
        assert self.due_in(job_id) > 500
        assert self.upstream.whole(prompt) == whole
        assert self.gateway.database.history(job_id) == ["submitting", "unknown"]

    def check_goes_out(self, job_id: str, prompt: str, *, whole: int) -> None:
        """It is sent when its time has come, is charged once, and was read whole so many times in all."""
        self.gateway.database.rows(HURRY, UUID(job_id))
        self.gateway.database.wait(job_id, "succeeded")
        assert self.upstream.whole(prompt) == whole
        account = Account.of(self.gateway.database, self.caller)
        assert [kind for kind, _, _ in account.ledger(job_id)] == ["reserve", "charge"]


@pytest.fixture(scope="module")
def faulty_gateway(
    stores: Stores, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[FaultyUpstream, Gateway]]:
    with faulty() as upstream, fresh_database(stores.database_url) as database:
        settings = settings_for(stores, database, upstream.address) | QUICK
        with serve(tmp_path_factory.mktemp("faulty"), database, settings=settings) as gateway:
            yield upstream, gateway
            assert differences(database) == []
            # What is odd is met in words; where it is a fault of ours the lease alone brings the job back.
            assert not gateway.process.events("work.failed")


@pytest.fixture
def scene(faulty_gateway: tuple[FaultyUpstream, Gateway]) -> Iterator[Scene]:
    upstream, gateway = faulty_gateway
    with gateway.caller() as caller:
        yield Scene(upstream, gateway, caller)


def told(**fields: object) -> bytes:
    return answer(str(fields).replace("'", '"').replace("None", "null").encode())


OK = b"HTTP/1.1 200 OK\r\n"
ID = b'{"request_id": "abc"}'
ELSEWHERE = "Location: http://127.0.0.1:9/fal-ai/flux-1/dev"
HERE = "Location: /fal-ai/flux-1/dev"

# When it happens, what happens, and how many submits were read whole.
AMBIGUOUS: dict[str, tuple[At, Act, int]] = {
    "reset before the head is read": ("connect", resets_unread, 0),
    "closed at the connection": ("connect", closes, 0),
    "reset after the head": ("head", resets(), 0),
    "reset within the body": ("part", resets(), 0),
    "closed within the body": ("part", closes, 0),
    "reset after the body": ("whole", resets(), 1),
    "closed after the body": ("whole", closes, 1),
    "no answer in time": ("whole", says(b"", pause_seconds=9), 1),
    "an answer that drips": ("whole", says(OK, *[b"X-A: b\r\n"] * 90, pause_seconds=0.1), 1),
    "reset within the answer's head": ("whole", resets(b"HTTP/1.1 200"), 1),
    "reset within the answer": ("whole", resets(OK + b"Content-Length: 100\r\n\r\n", ID), 1),
    "only 1xx": ("whole", says(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n"), 1),
    "not HTTP": ("whole", says(b"220 mail.example.com ESMTP\r\n"), 1),
    "200, cut short": ("whole", says(OK + b"Content-Length: 100\r\n\r\n" + ID), 1),
    "200, chunks without an end": ("whole", says(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", ID), 1),
    "200, a page": ("whole", says(answer(b"<html><h1>Welcome</h1></html>")), 1),
    "200, nothing": ("whole", says(answer(b"")), 1),
    "204": ("whole", says(answer(b"", "204 No Content")), 1),
    "200, a list": ("whole", says(answer(b'[{"request_id": "abc"}]')), 1),
    "200, no id": ("whole", says(told(status="IN_QUEUE")), 1),
    "200, the id is null": ("whole", says(told(request_id=None)), 1),
    "200, the id is a number": ("whole", says(told(request_id=7)), 1),
    "200, the id is empty": ("whole", says(told(request_id="")), 1),
    "200, the id is a path": ("whole", says(told(request_id="../../admin")), 1),
    "200, announced too large": ("whole", says(OK + b"Content-Length: 2000000\r\n\r\n"), 1),
    "200, too large": ("whole", says(OK + b"\r\n", ID, b" " * 1_100_000), 1),
    "200, not gzip": ("whole", says(answer(ID, "200 OK", "Content-Encoding: gzip")), 1),
    "300": ("whole", says(answer(ID, "300 Multiple Choices")), 1),
    "301 elsewhere": ("whole", says(answer(ID, "301 Moved", ELSEWHERE)), 1),
    "302 here": ("whole", says(answer(ID, "302 Found", HERE)), 1),
    "303 here": ("whole", says(answer(ID, "303 See Other", HERE)), 1),
    "304": ("whole", says(answer(b"", "304 Not Modified")), 1),
    "307 to itself": ("whole", says(answer(ID, "307 Temporary Redirect", HERE)), 1),
    "308 elsewhere": ("whole", says(answer(ID, "308 Permanent Redirect", ELSEWHERE)), 1),
    "500": ("whole", says(answer(ID, "500 Internal Server Error")), 1),
    "502": ("whole", says(answer(b"", "502 Bad Gateway")), 1),
    "503": ("whole", says(answer(b"{}", "503 Service Unavailable", "Retry-After: 1")), 1),
    "503 of fal's own server": ("whole", says(answer(b"{}", "503 No", "x-fal-request-id: abc")), 1),
    "504": ("whole", says(answer(b"{}", "504 Gateway Timeout")), 1),
    "599": ("whole", says(answer(b"{}", "599 What")), 1),
}


@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_what_may_have_been_accepted_is_unknown(scene: Scene, prompt: str, fault: str) -> None:
    at, act, whole = AMBIGUOUS[fault]
    job_id = scene.submit(prompt, at, act)
    scene.check_unknown(job_id, prompt, whole=whole)


def test_an_unknown_job_ends_lost_and_charged_and_is_never_sent_again(scene: Scene, prompt: str) -> None:
    job_id = scene.submit(prompt, "whole", resets())
    scene.gateway.database.rows(HURRY, UUID(job_id))
    scene.caller.wait(job_id)
    told_result = scene.caller.result(job_id)
    assert (told_result.status_code, told_result.json()["error_type"]) == (502, "submit_unknown")
    account = Account.of(scene.gateway.database, scene.caller)
    assert [kind for kind, _, _ in account.ledger(job_id)] == ["reserve", "charge"]
    assert scene.upstream.whole(prompt) == 1


def test_a_kept_connection_that_is_closed_as_the_submit_is_written(scene: Scene, prompt: str) -> None:
    """Whether the peer had read it cannot be told: so it is not sent again, by the engine either."""

    def once_more(wire: Wire) -> None:
        wire.say(accepted(keeps=True))
        if body := wire.read_body(wire.read_head()):
            scene.upstream.submits.append(body)
            wire.reset()

    with scene.upstream.failing("whole", once_more):
        first = scene.caller.job(f"first {prompt[:10]}")
        second = scene.caller.job(prompt)
    scene.gateway.database.wait(first, "succeeded")
    scene.check_unknown(second, prompt, whole=1)


def test_a_kept_connection_that_was_closed_before_is_not_used(scene: Scene, prompt: str) -> None:
    with scene.upstream.failing("whole", says(accepted(keeps=True))):
        first = scene.caller.job(f"first {prompt[:10]}")
    scene.gateway.database.wait(first, "succeeded")
    second = scene.caller.job(prompt)
    scene.gateway.database.wait(second, "succeeded")
    assert scene.upstream.whole(prompt) == 1


LARGE = "fal-ai/flux-1/dev/image-to-image"


def large(caller: Caller, prompt: str, length: int) -> str:
    """The job of a submit whose body is a little larger than this."""
    picture = "data:image/png;base64," + "A" * length
    answered = caller.post(f"/{LARGE}", json={"prompt": prompt, "image_url": picture})
    assert answered.status_code == 200, answered.text
    return str(answered.json()["request_id"])


@pytest.mark.parametrize("act", [resets(), says(b"", pause_seconds=9)], ids=["reset", "never read on"])
def test_a_large_body_that_was_not_sent_whole_is_proof_that_nothing_was_accepted(
    scene: Scene, prompt: str, act: Act
) -> None:
    """More than the kernels of both sides hold: its end was never handed over."""
    with scene.upstream.failing("head", act):
        job_id = large(scene.caller, prompt, 12_000_000)
    assert scene.gateway.database.state(job_id) == "accepted"
    assert "whole request" in scene.note(job_id)
    scene.check_goes_out(job_id, prompt, whole=1)


def test_a_large_body_that_was_sent_whole_may_have_been_accepted(scene: Scene, prompt: str) -> None:
    with scene.upstream.failing("whole", resets()):
        job_id = large(scene.caller, prompt, 400_000)
    assert scene.gateway.database.history(job_id) == ["submitting", "unknown"]
    assert scene.upstream.whole(prompt) == 1


def test_a_job_waits_though_nobody_can_say_how_many_wait_already(scene: Scene, prompt: str) -> None:
    database = scene.gateway.database

    def refuses(wire: Wire) -> None:
        with under_way(database, "LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"):
            wire.say(answer(b"{}", "429 Too Many Requests", "Retry-After: 100"))
            until(lambda: database.rows(END_COUNT))

    job_id = scene.submit(prompt, "whole", refuses)
    scene.check_held(job_id, "accepted")
    scene.check_goes_out(job_id, prompt, whole=2)


def test_a_refused_connection_is_proof_that_nothing_was_sent(scene: Scene, prompt: str) -> None:
    with scene.upstream.away():
        job_id = scene.caller.job(prompt)
        # Not while it is tried once more; each pause is up to twice as long as the one before.
        [put_off] = until(lambda: scene.gateway.database.rows(PUT_OFF, UUID(job_id)))
        scene.check_held(job_id, "accepted")
        tries = scene.gateway.database.history(job_id).count("accepted")
        assert put_off["due"] <= 2.0 ** (tries - 1)
    scene.check_goes_out(job_id, prompt, whole=1)


REFUSALS = ["400 Bad Request", "404 Not Found", "413 Too Large", "415 What", "422 Unprocessable Entity"]


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_of_the_input_is_the_callers_answer(scene: Scene, prompt: str, status: str) -> None:
    body = b'{"detail": [{"loc": ["body", "prompt"], "msg": "not this",  "type": "value_error"}]}'
    with scene.upstream.failing("whole", says(answer(body, status, "Set-Cookie: a=b"))):
        refused = scene.caller.submit(prompt)
    assert (refused.status_code, refused.content) == (int(status[:3]), body)
    assert "set-cookie" not in refused.headers
    scene.check_released(refused.headers["x-fal-request-id"])
    assert scene.upstream.whole(prompt) == 1


@pytest.mark.parametrize("status", ["401 Unauthorized", "402 Pay", "403 Forbidden", "405 No", "409 Conflict"])
def test_a_refusal_of_us_is_no_business_of_the_caller(scene: Scene, prompt: str, status: str) -> None:
    body = f'{{"detail": "{SECRET}"}}'.encode()
    with scene.upstream.failing("whole", says(answer(body, status, "WWW-Authenticate: Key"))):
        refused = scene.caller.submit(prompt)
    assert (refused.status_code, refused.json()["error_type"]) == (503, "upstream_unavailable")
    assert int(refused.headers["retry-after"]) > 0
    assert SECRET not in refused.text
    assert "www-authenticate" not in refused.headers
    scene.check_released(refused.headers["x-fal-request-id"])
    assert scene.upstream.whole(prompt) == 1


# The value of the header, and between which seconds the job is sent again.
RETRY_AFTER: dict[str, tuple[str | None, float, float]] = {
    "seconds": ("20", 19, 24),
    "a fraction": ("20.5", 19, 25),
    "a date": ("date", 25, 48),
    "a date in the past": ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 1),
    "a date beyond time": ("Fri, 31 Dec 9999 23:59:59 GMT", 590, 720),
    "negative": ("-30", 0, 1),
    "a thousand million": ("1000000000", 590, 720),
    "garbage": ("soon, we hope", 0, 1),
    "not a number": ("NaN", 0, 1),
    "empty": ("", 0, 1),
    "missing": (None, 0, 1),
}


def test_retry_after_is_obeyed_within_bounds(scene: Scene, prompt: str) -> None:
    """One job for each form of it, all at the same time; what says nothing is our own pause."""
    jobs = {}
    for form, (value, soonest, latest) in RETRY_AFTER.items():
        said = formatdate(time.time() + 40, usegmt=True) if value == "date" else value
        headers = [] if said is None else [f"Retry-After: {said}"]
        one = Scene(scene.upstream, scene.gateway, scene.gateway.caller())
        words = f"{prompt}, {form}."
        refusal = says(answer(b"{}", "429 Too Many Requests", *headers))
        scene.upstream.fail_first_submit(words, refusal)
        job_id = one.caller.job(words)
        if latest > 1:
            one.check_held(job_id, "accepted")
            assert soonest <= one.due_in(job_id) <= latest
        jobs[words] = (one, job_id)
    for words, (one, job_id) in jobs.items():
        one.check_goes_out(job_id, words, whole=2)


@pytest.mark.parametrize("status", ["408 Request Timeout", "425 Too Early"])
def test_a_refusal_before_any_work_is_sent_again(scene: Scene, prompt: str, status: str) -> None:
    job_id = scene.submit(prompt, "whole", says(answer(b"{}", status, "Retry-After: 30")))
    scene.check_held(job_id, "accepted")
    scene.check_goes_out(job_id, prompt, whole=2)


def test_a_name_that_nobody_knows_is_proof_that_nothing_was_sent(
    start_gateway: StartGateway, scene: Scene, prompt: str
) -> None:
    gateway = start_gateway(upstream_url="http://nowhere.invalid", **QUICK)
    lost = Scene(scene.upstream, gateway, gateway.caller())
    lost.check_held(lost.caller.job(prompt), "accepted")


def test_no_tls_is_proof_that_nothing_was_sent(
    start_gateway: StartGateway, on_exit: ExitStack, tmp_path: Path, prompt: str
) -> None:
    """One gateway, one port, and every way in which TLS does not come about; nothing is ever read."""
    stranger = make_certificates(tmp_path).server_context()
    upstream = on_exit.enter_context(faulty(stranger))
    # Nothing but the time for connecting is to run out, whatever stands still.
    gateway = start_gateway(upstream_url=upstream.address, upstream_connect_timeout_seconds="4")
    caller = gateway.caller()
    jobs = [caller.job(prompt)]
    for act in (
        says(answer(b"{}", "400 Bad Request")),  # plain HTTP at that port
        says(b"", pause_seconds=9),  # a handshake that never goes on
        resets(),
        closes,
    ):
        with upstream.failing("connect", act):
            jobs.append(caller.job(prompt))
    with upstream.away():
        jobs.append(caller.job(prompt))
    assert [gateway.database.history(job_id)[:2] for job_id in jobs] == [["submitting", "accepted"]] * 6
    assert {gateway.database.state(job_id) for job_id in jobs} <= {"accepted", "submitting"}
    assert upstream.submits == []
    assert Account.of(gateway.database, caller).team()["in_flight"] == 6
    # After five in a row one a second tries for all of them.
    until(lambda: gateway.process.events("upstream.away"))
    until(lambda: any(len(gateway.database.history(job_id)) > 2 for job_id in jobs))
