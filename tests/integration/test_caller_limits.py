"""What one caller may hold open or try again and again, and what is not even read of those beyond a limit."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import httpx
import pytest

from tests.conftest import StartGateway
from tests.support.accounts import Account
from tests.support.caller import DEV, Caller
from tests.support.events import status_events
from tests.support.gateway import Gateway, serve_alone
from tests.support.pictures import picture
from tests.support.simulator import Simulator
from tests.support.stores import Stores
from tests.support.waiting import until
from tests.support.wire import connect

WAITS = 2
BAD_PER_MINUTE = 4
REDUX = f"{DEV}/redux"
SLOW = "[slow 600]"


@pytest.fixture(scope="module")
def strict(
    stores: Stores, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway with small limits, behind a proxy of its own at 127.0.0.1."""
    directory = tmp_path_factory.mktemp("strict")
    limits = {"waits_per_credential": str(WAITS), "bad_credentials_per_minute": str(BAD_PER_MINUTE)}
    with serve_alone(stores, simulator, directory, trusted_proxies="127.0.0.0/8", **limits) as gateway:
        yield gateway


@pytest.fixture
def filled(strict: Gateway, prompt: str) -> Iterator[tuple[Caller, str]]:
    """A caller with as many streams of a job open as it may have, and the job."""
    caller = strict.caller()
    job_id = caller.job(f"{prompt} {SLOW}")
    with ExitStack() as stack:
        for _ in range(WAITS):
            stack.enter_context(status_events(caller, job_id))
        yield caller, job_id
        caller.cancel(job_id)


def refused(answer: httpx.Response) -> bool:
    if answer.status_code != 429:
        return False
    assert int(answer.headers["retry-after"]) > 0
    told = answer.json()
    return bool((told.get("error_type") or told["error"]["code"]) == "too_many_waiting")


def test_one_credential_holds_so_many_streams_open_and_no_more(filled: tuple[Caller, str]) -> None:
    caller, job_id = filled
    assert refused(caller.get(f"{DEV}/requests/{job_id}/status/stream"))
    assert caller.status(job_id).status_code == 202


def test_beyond_that_nobody_waits_and_nothing_is_recorded(
    strict: Gateway, simulator: Simulator, filled: tuple[Caller, str], prompt: str
) -> None:
    caller, _ = filled
    jobs = strict.database.count_jobs()
    assert refused(caller.post(f"/run{DEV}", json={"prompt": prompt}))
    assert refused(caller.post("/v1/images/generations", json={"prompt": prompt}))
    assert refused(caller.post("/v1/images/generations", json={"prompt": prompt, "stream": True}))
    assert (strict.database.count_jobs(), simulator.accepted(prompt)) == (jobs, [])


def test_a_wish_to_wait_is_passed_over_there(filled: tuple[Caller, str], prompt: str) -> None:
    caller, _ = filled
    answer = caller.post(DEV, json={"prompt": f"{prompt} {SLOW}"}, headers={"prefer": "wait=60"})
    assert answer.status_code == 200
    assert "preference-applied" not in answer.headers
    assert answer.json()["status"] == "IN_QUEUE"


def test_who_leaves_gives_the_place_back_and_others_have_their_own(
    strict: Gateway, filled: tuple[Caller, str], prompt: str
) -> None:
    caller, job_id = filled
    stranger = strict.caller()
    assert stranger.post(f"/run{DEV}", json={"prompt": prompt}).status_code == 200
    token = caller.post("/api/tokens", json={}).json()["token"]
    page = strict.caller(token)
    assert refused(page.post(f"/run{DEV}", json={"prompt": f"{prompt} again"}))
    caller.cancel(job_id)
    until(lambda: caller.post(f"/run{DEV}", json={"prompt": f"{prompt} at last"}).status_code == 200)


# Credentials that do not count


def ask(gateway: Gateway, key: str, *forwarded: str) -> httpx.Response:
    headers = [("authorization", f"Key {key}"), *(("x-forwarded-for", one) for one in forwarded)]
    return httpx.get(f"{gateway.address}/api/me", headers=headers, trust_env=False, timeout=60)


def test_an_address_that_is_refused_too_often_is_told_to_wait_and_its_good_keys_are_not(
    strict: Gateway,
) -> None:
    key = strict.caller().key
    told = [ask(strict, "fg_wrong", "198.51.100.1") for _ in range(BAD_PER_MINUTE + 2)]
    assert [answer.status_code for answer in told] == [401] * BAD_PER_MINUTE + [429] * 2
    assert told[-1].json()["error_type"] == "rate_limited"
    assert 0 < int(told[-1].headers["retry-after"]) <= 60
    assert ask(strict, key, "198.51.100.1").status_code == 200
    assert ask(strict, "fg_wrong", "198.51.100.2").status_code == 401


def test_a_caller_cannot_choose_its_address(strict: Gateway) -> None:
    told = [
        ask(strict, "fg_wrong", f"192.0.2.{number}", "198.51.100.3") for number in range(BAD_PER_MINUTE + 1)
    ]
    assert [answer.status_code for answer in told][-1] == 429


def test_who_is_no_proxy_of_ours_is_not_believed(start_gateway: StartGateway) -> None:
    gateway = start_gateway(bad_credentials_per_minute="2")
    told = [ask(gateway, "fg_wrong", f"192.0.2.{number}") for number in range(3)]
    assert [answer.status_code for answer in told] == [401, 401, 429]
    assert gateway.process.log().count("credentials.refused_often") == 1
    assert gateway.get("/api/me").status_code == 401


def test_keys_are_not_tried_at_the_sign_in_either(strict: Gateway) -> None:
    forwarded = {"x-forwarded-for": "198.51.100.4"}
    told = [
        httpx.post(
            f"{strict.address}/console/sign-in",
            data={"key": "fg_wrong"},
            headers=forwarded,
            trust_env=False,
            timeout=60,
        )
        for _ in range(BAD_PER_MINUTE + 1)
    ]
    assert [answer.status_code for answer in told] == [401] * BAD_PER_MINUTE + [429]
    assert told[-1].headers["retry-after"]


# Large bodies


MEGABYTE = 1_000_000


def upload(caller: Caller, content: bytes) -> httpx.Response:
    return caller.post("/files/upload", content=content, headers={"content-type": "image/png"})


def test_large_bodies_share_the_room_that_there_is(start_gateway: StartGateway) -> None:
    """Hypothesis: who holds its share is told to wait, as are its browser tokens, and another team is not."""
    limits = {"image_body_limit_bytes": str(MEGABYTE), "upload_limit_bytes": str(3 * MEGABYTE)}
    gateway = start_gateway(bodies_limit_bytes=str(8 * MEGABYTE), **limits)
    caller, other = gateway.caller(), gateway.caller()
    token = caller.post("/api/tokens", json={}).raise_for_status().json()["token"]
    content = picture("PNG").ljust(2 * MEGABYTE, b"\0")
    head = f"POST /files/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Key {caller.key}\r\n"
    head += f"Content-Type: image/png\r\nContent-Length: {len(content) + 1}\r\n\r\n"

    def is_shared() -> bool:
        """Half a body and then a whole one: whichever is read first has the room, and the other has none."""
        half = stack.enter_context(connect(gateway.address))
        # One that is refused behind another half may be cut off while it is sent.
        with suppress(OSError):
            half.sendall(head.encode() + content)
        return upload(caller, content).status_code == 429

    with ExitStack() as stack:
        until(is_shared)
        refused = upload(gateway.caller(token), content)
        assert refused.status_code == 429
        assert refused.json()["error_type"] == "rate_limited"
        assert refused.headers["retry-after"]
        assert caller.post("/api/tokens", json={}).status_code == 201
        assert upload(other, content).status_code == 200
    until(lambda: upload(caller, content).status_code == 200)
    for _ in range(3):
        assert upload(caller, content).status_code == 200


def test_who_waits_for_a_job_has_left_the_room(start_gateway: StartGateway, prompt: str) -> None:
    gateway = start_gateway(
        bodies_limit_bytes=str(MEGABYTE),
        image_body_limit_bytes=str(MEGABYTE),
        upload_limit_bytes=str(MEGABYTE),
    )
    caller = gateway.caller()
    body = {"prompt": f"{prompt} {SLOW}", "x": "y" * (MEGABYTE * 3 // 4)}
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(caller.post, f"/run{DEV}", json=body)
        until(lambda: gateway.database.count_jobs() == 1)
        until(lambda: caller.post(DEV, json=body).status_code == 200)
        assert not waiting.done()
        for job in gateway.database.rows("SELECT id FROM jobs"):
            caller.cancel(str(job["id"]))
        assert waiting.result().status_code == 499


def announced(gateway: Gateway, caller: Caller, path: str, *, seconds: float = 20) -> bytes:
    """The answer to a body of 20 MB that is announced and never sent."""
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Key {caller.key}"]
    lines += ["Content-Type: application/json", "Content-Length: 20000000"]
    with connect(gateway.address, timeout=seconds) as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n{")
        with suppress(socket.timeout):
            return connection.recv(65_536)
    return b""


@pytest.mark.parametrize("path", [REDUX, f"/run{REDUX}", "/v1/images/generations"])
def test_of_who_has_no_submit_left_a_large_body_is_not_read(strict: Gateway, path: str, prompt: str) -> None:
    caller = strict.caller()
    account = Account.of(strict.database, caller)
    strict.database.rows("UPDATE api_keys SET requests_per_minute = 1 WHERE id = $1", account.key_id)
    assert announced(strict, caller, path, seconds=0.5) == b""
    assert caller.submit(prompt).status_code == 200
    assert announced(strict, caller, path).startswith(b"HTTP/1.1 429")


def test_nor_of_who_may_not_use_the_model(strict: Gateway) -> None:
    caller = strict.caller()
    account = Account.of(strict.database, caller)
    strict.database.rows("UPDATE api_keys SET models = '{fal-ai/flux-1/dev}' WHERE id = $1", account.key_id)
    assert announced(strict, caller, REDUX).startswith(b"HTTP/1.1 403")
