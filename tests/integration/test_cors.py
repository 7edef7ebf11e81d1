"""Which pages of other origins may call: those that are configured, with what they need, and no others."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import create_app, surround
from app.settings import Settings
from tests.support.accounts import Account
from tests.support.caller import DEV
from tests.support.gateway import Gateway, serve_alone
from tests.support.processes import run_fluxgate
from tests.support.simulator import Simulator
from tests.support.stores import Stores

APP = "https://app.example.com"
LOCAL = "http://localhost:3000"
JOB = f"{DEV}/requests/0190a0b0-0000-7000-8000-000000000000"
FOR_PAGES = [
    DEV,
    f"{JOB}/status",
    JOB,
    "/v1/models",
    "/api/me",
    "/api/jobs",
    "/api/usage",
    "/run/fal-ai/flux-1/dev",
]
FOR_OPERATORS = ["/api/admin/keys", "/api/admin", "/console", "/metrics"]
# What fal's JavaScript client and our own page send.
SENT = (
    "authorization, content-type, accept, x-fal-queue-priority, x-fal-runner-hint, x-fal-request-timeout, "
    "x-fal-object-lifecycle-preference, x-fal-store-io, x-fal-no-retry, x-fal-target-url, idempotency-key, "
    "cache-control, prefer, x-request-id, x-fluxgate-end-user"
)
STRANGERS = [
    "null",
    "*",
    "",
    "https://evil.example",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com:443",
    "https://good.app.example.com",
    "https://app.example.com.evil.com",
    "https://appxexample.com",
    "https://evilapp.example.com",
    "https://APP.example.com",
    "https://app.example.com/",
    "https://app.example.com https://evil.example",
    "https://example.com",
    "http://localhost",
    "http://localhost:3001",
    "http://127.0.0.1:3000",
]


@pytest.fixture(scope="module")
def open_gateway(
    stores: Stores, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway that pages of two origins may call."""
    with serve_alone(
        stores, simulator, tmp_path_factory.mktemp("gateway"), cors_origins=f"{APP}, {LOCAL}/"
    ) as gateway:
        yield gateway


def preflight(
    gateway: Gateway, path: str, origin: str, method: str = "POST", **headers: str
) -> httpx.Response:
    asked = {"origin": origin, "access-control-request-method": method}
    asked |= {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.options(f"{gateway.address}{path}", headers=asked, trust_env=False, timeout=60)


def words(value: str) -> set[str]:
    return {word.strip().lower() for word in value.split(",")}


def allowed(answer: httpx.Response) -> str | None:
    assert "origin" in words(answer.headers.get("vary", ""))
    assert "access-control-allow-credentials" not in answer.headers
    value: str | None = answer.headers.get("access-control-allow-origin")
    return value


@pytest.mark.parametrize("origin", [APP, LOCAL])
@pytest.mark.parametrize("path", FOR_PAGES)
def test_a_configured_origin_passes_the_preflight(open_gateway: Gateway, path: str, origin: str) -> None:
    for method in ("GET", "POST", "PUT"):
        answer = preflight(open_gateway, path, origin, method, access_control_request_headers=SENT)
        assert (answer.status_code, allowed(answer)) == (200, origin)
        assert words(answer.headers["access-control-allow-methods"]) == {"get", "post", "put"}
        assert words(SENT) <= words(answer.headers["access-control-allow-headers"])
        assert answer.headers["x-request-id"]
        assert 60 <= int(answer.headers["access-control-max-age"]) <= 86_400


@pytest.mark.parametrize("origin", STRANGERS)
def test_no_other_origin_does(open_gateway: Gateway, origin: str) -> None:
    asked = preflight(open_gateway, DEV, origin, access_control_request_headers="authorization")
    told = open_gateway.get("/v1/models", headers={"origin": origin})
    assert (asked.status_code, allowed(asked)) == (400, None)
    assert (told.status_code, allowed(told)) == (401, None)


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "CONNECT", "TRACE", "post", "*", ""])
def test_other_methods_are_refused(open_gateway: Gateway, method: str) -> None:
    assert preflight(open_gateway, DEV, APP, method).status_code == 400


@pytest.mark.parametrize("name", ["x-evil", "cookie", "x-fal-webhook-secret", "*", "authorization, x-evil"])
def test_other_headers_are_refused(open_gateway: Gateway, name: str) -> None:
    answer = preflight(open_gateway, DEV, APP, access_control_request_headers=name)
    assert answer.status_code == 400
    assert "*" not in answer.headers["access-control-allow-headers"]


def test_an_answer_can_be_read_with_its_headers(open_gateway: Gateway, prompt: str) -> None:
    caller = open_gateway.caller()
    answer = caller.post(DEV, json={"prompt": prompt}, headers={"origin": APP})
    assert (answer.status_code, allowed(answer)) == (200, APP)
    exposed = words(answer.headers["access-control-expose-headers"])
    assert exposed >= {
        "x-fal-request-id",
        "x-fal-error-type",
        "x-fal-billable-units",
        "x-request-id",
        "retry-after",
        "x-fluxgate-cache",
        "idempotency-replayed",
        "ratelimit",
        "ratelimit-policy",
    }
    assert "*" not in exposed
    for url in (answer.json()["status_url"], answer.json()["response_url"]):
        assert allowed(caller.get(url, headers={"origin": LOCAL})) == LOCAL
    assert allowed(caller.put(answer.json()["cancel_url"], headers={"origin": APP})) == APP


def test_a_page_may_read_why_it_was_refused(open_gateway: Gateway, prompt: str) -> None:
    caller = open_gateway.caller()
    token = caller.post("/api/tokens", json={"max_cost_usd": "0"}).json()["token"]
    poor = {"authorization": f"Bearer {token}"}
    refusals: dict[int, dict[str, Any]] = {
        401: {"json": {"prompt": prompt}, "headers": {"authorization": "Bearer fgt_x"}},
        402: {"json": {"prompt": prompt}, "headers": poor},
        413: {"content": b" " * 1_000_001, "headers": {"content-type": "application/json"}},
        415: {"content": b"{}"},
        422: {"json": {}},
    }
    for status, request in refusals.items():
        headers = {"origin": APP, **request.pop("headers", {})}
        answer = caller.post(DEV, headers=headers, **request)
        assert (answer.status_code, allowed(answer)) == (status, APP)
    assert allowed(caller.get("/nowhere", headers={"origin": APP})) == APP


def test_too_many_requests_can_be_read(open_gateway: Gateway, prompt: str) -> None:
    caller = open_gateway.caller()
    statement = "UPDATE api_keys SET requests_per_minute = 1 WHERE id = $1"
    open_gateway.database.rows(statement, Account.of(open_gateway.database, caller).key_id)
    answers = [caller.post(DEV, json={"prompt": prompt}, headers={"origin": APP}) for _ in range(2)]
    assert [(answer.status_code, allowed(answer)) for answer in answers] == [(200, APP), (429, APP)]
    assert int(answers[1].headers["retry-after"]) > 0


@pytest.mark.parametrize("path", FOR_OPERATORS)
def test_the_operators_routes_are_for_no_other_origin(open_gateway: Gateway, path: str) -> None:
    for origin in (APP, "https://evil.example"):
        for answer in (
            preflight(open_gateway, path, origin),
            open_gateway.get(path, headers={"origin": origin}),
        ):
            assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_request_without_an_origin_is_as_ever(open_gateway: Gateway) -> None:
    answer = open_gateway.get("/livez")
    assert (answer.status_code, allowed(answer)) == (200, None)
    plain = httpx.options(f"{open_gateway.address}{DEV}", trust_env=False, timeout=60)
    assert (plain.status_code, allowed(plain)) == (405, None)


def test_without_the_setting_no_origin_may_call(gateway: Gateway) -> None:
    for answer in (preflight(gateway, DEV, APP), gateway.get("/livez", headers={"origin": APP})):
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.fixture
async def closed() -> AsyncIterator[httpx.AsyncClient]:
    """The application with nothing opened: whatever asks a store or a key fails in it."""
    settings = Settings.model_validate({"cors_origins": APP})
    served = surround(create_app(settings, public_url="http://gateway", with_worker=False))
    transport = httpx.ASGITransport(served)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


async def test_a_preflight_asks_neither_store_nor_key(closed: httpx.AsyncClient) -> None:
    headers = {"origin": APP, "access-control-request-method": "POST"}
    assert (await closed.options(DEV, headers=headers)).status_code == 200


async def test_a_fault_of_ours_can_be_read_too(closed: httpx.AsyncClient) -> None:
    answer = await closed.get(f"{JOB}/status", headers={"origin": APP})
    assert (answer.status_code, allowed(answer)) == (500, APP)


@pytest.mark.parametrize(
    ("origins", "why"),
    [
        ("*", "name each origin"),
        ("https://*.example.com", "name each origin"),
        (f"{APP},*", "name each origin"),
        ("null", "may not be `null`"),
        ("app.example.com", "must be scheme://host"),
        (f"{APP}/app", "no path"),
        ("https://App.example.com", "lower case"),
        (f"{APP}:443", "no default port"),
    ],
)
def test_a_wrong_origin_stops_the_start_in_one_line(tmp_path: Path, origins: str, why: str) -> None:
    settings = {"upstream_key": "x", "database_url": "postgresql://127.0.0.1:1/x", "cors_origins": origins}
    done = run_fluxgate(tmp_path, "serve", "--port", "0", settings=settings)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "FLUXGATE_CORS_ORIGINS: " in line
    assert why in line
