"""What happened to others, played against this gateway; docs/reliability.md lists all of it with tests."""

import importlib.metadata
import re
from collections.abc import Iterator
from contextlib import suppress
from uuid import uuid4

import httpx
import pytest

from tests.architecture.source import app_modules
from tests.conftest import StartGateway
from tests.support.caller import DEV, Caller
from tests.support.gateway import Gateway
from tests.support.hostile import filled, submit
from tests.support.operators import Operator, operator_of
from tests.support.pictures import picture
from tests.support.simulator import Simulator
from tests.support.stores import UPSTREAM_KEY
from tests.support.wire import connect, exchange

INJECTIONS = (
    "' OR '1'='1",
    "fg_x' UNION SELECT key FROM secrets --",
    "fg_x'; UPDATE api_keys SET revoked_at = NULL; --",
    "%' OR 1=1 --",
    "\\'; DROP TABLE api_keys; --",
)
ENDLESS = "bytes=" + ",".join(f"{number}-" for number in range(3000))


@pytest.fixture
def operator(gateway: Gateway) -> Iterator[Operator]:
    with operator_of(gateway) as operator:
        yield operator


def ask(gateway: Gateway, path: str, credential: str) -> httpx.Response:
    return gateway.get(path, headers={"authorization": credential})


@pytest.mark.parametrize("scheme", ["Bearer", "Key", ""])
def test_litellm_cve_2026_42208_sql_in_the_authorization_header(gateway: Gateway, scheme: str) -> None:
    """LiteLLM looked a key up, and logged its failure, by SQL that was put together with the header."""
    keys = gateway.database.rows("SELECT * FROM api_keys ORDER BY id")
    for injection in INJECTIONS:
        for path in ("/api/me", "/api/jobs", "/api/admin/keys", "/v1/models", f"{DEV}/requests/x/status"):
            assert ask(gateway, path, f"{scheme} {injection}".strip()).status_code == 401
    assert gateway.database.rows("SELECT * FROM api_keys ORDER BY id") == keys
    assert not any(word in gateway.process.log() for word in ("UNION SELECT", "DROP TABLE", "request.failed"))


def test_litellm_cve_2026_47101_roles_and_routes_that_callers_give_themselves(
    gateway: Gateway, caller: Caller, operator: Operator
) -> None:
    """LiteLLM took `allowed_routes` and `user_role` from the caller, and ran code that it was sent."""
    taken = {"allowed_routes": ["*"], "user_role": "proxy_admin", "is_admin": True, "scope_id": str(uuid4())}
    for name, value in taken.items():
        assert caller.post("/api/tokens", json={name: value}).status_code == 422
        assert operator.post("/keys", json={"team": "x", "name": "x", name: value}).status_code == 422
        assert operator.post("/teams", json={"name": "x", name: value}).status_code == 422
    token = gateway.caller(caller.post("/api/tokens", json={}).json()["token"])
    for somebody in (caller, token):
        assert somebody.post("/api/admin/keys", json={"team": "x", "name": "x"}).status_code == 403
        assert somebody.get("/api/admin/teams").status_code == 403
    running = ("eval(", "exec(", "pickle", "marshal", "shell=True", "os.system")
    found = [
        (module.path, word)
        for module in app_modules()
        for word in running
        if re.search(rf"(?<![\w.]){re.escape(word)}", module.text)
    ]
    assert not found


def test_litellm_cve_2026_42271_no_route_tries_out_an_address_or_a_command(gateway: Gateway) -> None:
    """LiteLLM's admin could have a command started, to see whether it works; so could who became admin."""
    document = gateway.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    given = set()
    for operations in document["paths"].values():
        for operation in operations.values():
            given |= {one["name"].lower() for one in operation["parameters"] if one["in"] != "path"}
            for content in operation.get("requestBody", {}).get("content", {}).values():
                chosen = content["schema"].get("anyOf", [content["schema"]])
                for one in chosen:
                    given |= (
                        schemas.get(one.get("$ref", "").rpartition("/")[2], {}).get("properties", {}).keys()
                    )
    words = ("url", "uri", "host", "command", "path", "endpoint", "callback", "hook")
    addresses = {name for name in given if any(word in name for word in words)}
    # The guard of webhooks judges the first, the second is mapped to our own routes, the rest goes upstream.
    known = {"fal_webhook", "x-fal-target-url"}
    assert known <= addresses
    assert all(name.endswith(("image_url", "image_urls", "rewrites_urls")) for name in addresses - known)


def test_new_api_cve_2026_30886_a_job_by_its_id_alone(gateway: Gateway, caller: Caller, prompt: str) -> None:
    """new-api gave the video of any task to whoever knew its id, fetched with its owner's credential."""
    job_id = caller.job(prompt)
    caller.wait(job_id)
    stranger, nothing = gateway.caller(), str(uuid4())
    ways = [f"{DEV}/requests/{{}}{end}" for end in ("", "/status", "/status/stream", "/response")]
    ways += ["/fal-ai/auto/requests/{}", "/api/jobs/{}", "/api/images/{}"]
    for way in ways:
        theirs, none = stranger.get(way.format(job_id)), stranger.get(way.format(nothing))
        assert theirs.status_code == none.status_code == 404
        assert theirs.content == none.content
    target = "https://queue.fal.run/fal-ai/flux-1/requests/{}{}"
    for method, end in (("GET", ""), ("GET", "/status"), ("PUT", "/cancel")):
        answers = [
            stranger.request(method, "/api/fal/proxy", headers={"x-fal-target-url": target.format(one, end)})
            for one in (job_id, nothing)
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content
    assert stranger.cancel(job_id).content == stranger.cancel(nothing).content


def test_new_api_2026_an_empty_secret_opens_nothing(start_gateway: StartGateway) -> None:
    """new-api checked signatures of a payment provider against a secret that nobody had set."""
    gateway = start_gateway(admin_key="", token_keys="", webhook_signing_keys="")
    for credential in ("Bearer ", "Bearer", "Key ", "Bearer \t", "Key null", "Key None", "Bearer fgt_."):
        for path in ("/api/admin/teams", "/api/me"):
            head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {credential}\r\n\r\n"
            assert exchange(gateway.address, head.encode()).status == 401
    assert gateway.get("/.well-known/jwks.json").json()["keys"]


def test_new_api_go_2026_4813_secrets_are_not_told_again(
    gateway: Gateway, operator: Operator, simulator: Simulator
) -> None:
    """new-api's channel secrets could be read again by who got past the second check of an admin."""
    team = operator.team()
    key = operator.key(team["name"])
    secret, key_id = key["key"], key["id"]
    told = [
        operator.get(path).text
        for path in (f"/keys/{key_id}", "/keys", f"/teams/{team['id']}", "/teams", "/audit", "/audit/verify")
    ]
    told.append(operator.patch(f"/keys/{key_id}", json={"requests_per_minute": 5}).text)
    told.append(operator.delete(f"/keys/{key_id}").text)
    told.append(gateway.caller().get("/api/me").text)
    assert not any(secret in one or UPSTREAM_KEY in one for one in told)
    assert secret[-4:] in told[0]
    assert simulator.address not in "".join(told)


@pytest.fixture
def served(gateway: Gateway, caller: Caller) -> list[str]:
    """Addresses of files: one of our own, and one that a caller brought."""
    stored = caller.post("/files/upload", content=picture("PNG"), headers={"content-type": "image/png"})
    page = gateway.get("/console/sign-in").text
    static = page[page.index("/console/static/") :].partition('"')[0]
    return [stored.json()["access_url"].removeprefix(gateway.address), static]


def test_starlette_cve_2025_62727_a_bomb_of_ranges(gateway: Gateway, served: list[str]) -> None:
    """Starlette spent quadratic time on the ranges of one header."""
    for path in served:
        whole = gateway.get(path)
        assert whole.status_code == 200
        for wanted in (ENDLESS, "bytes=0-0," * 3000, "bytes=-", "bytes=5-1", "bytes=" + "9" * 5000):
            answer = gateway.get(path, headers={"range": wanted})
            assert answer.status_code in (200, 400, 416)
            assert answer.status_code != 200 or answer.content == whole.content
    assert tuple(map(int, importlib.metadata.version("starlette").split(".")[:3])) >= (0, 49, 1)


def test_starlette_cve_2024_47874_a_form_without_end(gateway: Gateway, caller: Caller) -> None:
    """Starlette kept fields of multipart forms in memory, however large; here no route reads such a form."""
    form = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"a" * 900_000
    headers = {"content-type": "multipart/form-data; boundary=x"}
    for path in (DEV, f"/run{DEV}", "/v1/images/generations", "/api/tokens", "/storage/upload/initiate"):
        assert caller.post(path, content=form, headers=headers).status_code == 415
    answer = httpx.post(
        f"{gateway.address}/console/sign-in", content=form, headers=headers, trust_env=False, timeout=60
    )
    assert answer.status_code in (401, 413, 415)
    with suppress(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("python-multipart")
        pytest.fail("a parser of multipart forms is installed; nothing needs one")


# Two requests on one connection


def stay(request: bytes) -> bytes:
    """The same request, for a connection that goes on."""
    return request.replace(b"Connection: close", b"Connection: keep-alive")


def sent_together(gateway: Gateway, *requests: bytes) -> list[bytes]:
    """The statuses of the answers; the last request ends the connection."""
    answered = b""
    with connect(gateway.address) as connection, suppress(ConnectionResetError):
        # Who is told enough is not listened to any more, and the answer is there all the same.
        with suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(b"".join(requests))
        while piece := connection.recv(65_536):
            answered += piece
    return re.findall(rb"HTTP/1\.1 (\d{3}) ", answered)


def test_h11_cve_2025_43859_what_follows_a_request_is_a_request_of_its_own(
    gateway: Gateway, simulator: Simulator, caller: Caller, prompt: str
) -> None:
    """Who can put a request into the body of another must not have it run as that one's sender."""
    names = {"key": caller.key}
    hidden = submit(f'{{"prompt": "{prompt}"}}'.encode()).replace(b"Authorization: Key {key}\r\n", b"")
    jobs = gateway.database.count_jobs()
    # A body that is longer than announced, one that ends by chunks, one that is refused before it is read.
    short = stay(filled(submit(b"{}"), names))
    chunked = short.replace(b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n")
    chunked = chunked.replace(b"\r\n\r\n{}", b"\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
    length = 2_000_000
    large = short.replace(b"Content-Length: 2", b"Content-Length: %d" % length).removesuffix(b"{}")
    inner = filled(submit(f'{{"prompt": "{prompt}"}}'.encode()), names)
    for first, status in ((short, b"422"), (chunked, b"422")):
        assert sent_together(gateway, first, hidden) == [status, b"401"]
    last = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert sent_together(gateway, large, inner.ljust(length), last) in ([b"413"], [b"413", b"200"])
    assert (gateway.database.count_jobs(), simulator.accepted(prompt)) == (jobs, [])


def test_requests_sent_together_are_answered_each_to_its_own_sender(
    gateway: Gateway, caller: Caller, prompt: str
) -> None:
    stranger = gateway.caller()
    job_id = caller.job(prompt)
    path = f"GET /api/jobs/{job_id} HTTP/1.1\r\nHost: x\r\n"
    mine = f"{path}Authorization: Key {caller.key}\r\n\r\n".encode()
    theirs = f"{path}Authorization: Key {stranger.key}\r\n\r\n".encode()
    nobody = f"{path}\r\n".encode()
    last = theirs.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    statuses = sent_together(gateway, mine, theirs, mine, nobody, mine, last)
    assert statuses == [b"200", b"404", b"200", b"401", b"200", b"404"]


def test_recall_ai_no_notify_among_many_writers() -> None:
    """recall.ai's PostgreSQL stood still three times: NOTIFY takes a lock that all writers share."""
    words = ("NOTIFY ", "LISTEN ", "pg_notify", "add_listener")
    found = [(module.path, word) for module in app_modules() for word in words if word in module.text]
    assert not found
