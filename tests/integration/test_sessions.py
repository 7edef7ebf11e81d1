"""Signed-in browsers: what opens a session, what ends it, and what it may not be made to do."""

import re
from collections.abc import Iterator

import httpx
import pytest

from app.callers.sessions import CSRF_HEADER
from tests.conftest import StartGateway
from tests.support.accounts import Account
from tests.support.caller import DEV, Caller
from tests.support.gateway import Gateway
from tests.support.waiting import until

SIGN_IN = "/console/sign-in"
COOKIE = "fluxgate_session"


class Browser(httpx.Client):
    """A client with cookies, as far as these tests need a browser."""

    def sign_in(self, key: str, **headers: str) -> httpx.Response:
        return self.post(SIGN_IN, data={"key": key}, headers=headers)

    def csrf_token(self) -> str:
        found = re.search('name="csrf-token" content="([0-9a-f]{64})"', self.get("/console").text)
        assert found
        return found[1]


@pytest.fixture
def browser(gateway: Gateway) -> Iterator[Browser]:
    with Browser(base_url=gateway.address, trust_env=False, timeout=60) as browser:
        yield browser


@pytest.fixture
def signed_in(browser: Browser, caller: Caller) -> Browser:
    assert browser.sign_in(caller.key).status_code == 303
    return browser


def test_the_cookie_is_for_this_gateways_own_pages(browser: Browser, caller: Caller) -> None:
    cookie = browser.sign_in(caller.key).headers["set-cookie"]
    assert re.match(rf"{COOKIE}=[\w-]{{43}}; expires=", cookie)
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert caller.key not in cookie


def test_over_tls_the_cookie_is_bound_to_the_host(start_gateway: StartGateway) -> None:
    gateway = start_gateway(public_url="https://images.example")
    with Browser(base_url=gateway.address, trust_env=False, timeout=60) as browser:
        cookie = browser.sign_in(gateway.caller().key).headers["set-cookie"]
    assert cookie.startswith(f"__Host-{COOKIE}=")
    assert "Secure" in cookie
    assert "Path=/" in cookie


@pytest.mark.parametrize("key", ["", "fg_nobody", "x" * 5000, "fgt_a.b.c", "fga_nobody"])
def test_what_is_no_key_opens_nothing(browser: Browser, key: str) -> None:
    answer = browser.sign_in(key)
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
    assert browser.get("/console").status_code == 303


def test_a_browser_token_does_not_sign_in(browser: Browser, caller: Caller) -> None:
    token = caller.post("/api/tokens", json={"ttl_seconds": 60}).json()["token"]
    assert browser.sign_in(token).status_code == 401


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example", "/console\\evil", "/console?a=b\r\nx: y", "/api/me", ""],
)
def test_signing_in_leads_to_our_own_pages_alone(browser: Browser, caller: Caller, wanted: str) -> None:
    answer = browser.post(SIGN_IN, data={"key": caller.key, "next": wanted})
    assert answer.headers["location"] == "/console"


def test_a_session_is_known_by_a_digest_alone(signed_in: Browser, gateway: Gateway) -> None:
    secret = signed_in.cookies[COOKIE]
    rows = gateway.database.rows("SELECT * FROM sessions")
    assert rows
    assert secret not in str(rows)


def test_the_sign_in_counts_on_the_api(signed_in: Browser, caller: Caller, prompt: str) -> None:
    assert signed_in.get("/api/me").json()["team"] == caller.get("/api/me").json()["team"]
    headers = {CSRF_HEADER: signed_in.csrf_token()}
    job_id = signed_in.post(DEV, json={"prompt": prompt}, headers=headers).json()["request_id"]
    caller.wait(job_id)
    assert signed_in.get(f"/fal-ai/flux-1/requests/{job_id}").status_code == 200
    proxied = {"x-fal-target-url": f"https://queue.fal.run/fal-ai/flux-1/requests/{job_id}/status"}
    assert signed_in.get("/api/fal/proxy", headers=proxied).json()["status"] == "COMPLETED"


@pytest.mark.parametrize("token", [None, "", "0" * 64, "é"])
def test_another_page_cannot_spend_for_who_is_signed_in(
    signed_in: Browser, gateway: Gateway, token: str | None, prompt: str
) -> None:
    headers = {} if token is None else {CSRF_HEADER: token.encode()}
    answer = signed_in.post(DEV, json={"prompt": prompt}, headers=headers)  # type: ignore[arg-type] # bytes pass
    assert (answer.status_code, answer.json()["error_type"]) == (403, "forbidden")
    assert not gateway.database.rows("SELECT FROM job_inputs WHERE prompt = $1", prompt)


def test_another_sessions_token_is_none(signed_in: Browser, gateway: Gateway, prompt: str) -> None:
    other = Browser(base_url=gateway.address, trust_env=False, timeout=60)
    with other, gateway.caller() as stranger:
        other.sign_in(stranger.key)
        headers = {CSRF_HEADER: other.csrf_token()}
    assert signed_in.post(DEV, json={"prompt": prompt}, headers=headers).status_code == 403


def test_a_form_of_another_page_is_refused(signed_in: Browser, caller: Caller) -> None:
    assert signed_in.post("/console/sign-out", data={"csrf": "0" * 64}).status_code == 403
    assert signed_in.sign_in(caller.key, origin="http://evil.example").status_code == 403
    assert signed_in.sign_in(caller.key, origin="null").status_code == 403
    assert signed_in.sign_in(caller.key, origin=str(signed_in.base_url).rstrip("/")).status_code == 303
    elsewhere = {"sec-fetch-site": "cross-site"}
    form = {"csrf": signed_in.csrf_token()}
    assert signed_in.post("/console/sign-out", data=form, headers=elsewhere).status_code == 403
    assert signed_in.sign_in(caller.key, **elsewhere).status_code == 403
    assert signed_in.post("/console/sign-out", json=form).status_code == 415
    assert signed_in.get("/console").status_code == 200


def test_a_header_beside_the_cookie_wins(signed_in: Browser, gateway: Gateway) -> None:
    with gateway.caller() as other:
        headers = {"authorization": f"Key {other.key}"}
        assert signed_in.get("/api/me", headers=headers).json()["team"] == other.get("/api/me").json()["team"]
    assert signed_in.get("/api/me", headers={"authorization": "Key fg_dead"}).status_code == 401


def test_signing_out_ends_it_for_a_copied_cookie_too(signed_in: Browser) -> None:
    copied = {COOKIE: signed_in.cookies[COOKIE]}
    assert signed_in.post("/console/sign-out", data={"csrf": signed_in.csrf_token()}).status_code == 303
    signed_in.cookies.update(copied)
    assert signed_in.get("/console").status_code == 303
    assert signed_in.get("/api/me").status_code == 401


def test_a_revoked_key_ends_its_sessions(signed_in: Browser, gateway: Gateway, caller: Caller) -> None:
    revoke = "UPDATE api_keys SET revoked_at = now() WHERE id = $1"
    gateway.database.rows(revoke, Account.of(gateway.database, caller).key_id)
    until(lambda: signed_in.get("/console").status_code == 303)


def test_a_session_ends_with_its_time(start_gateway: StartGateway) -> None:
    gateway = start_gateway(session_seconds="1")
    with Browser(base_url=gateway.address, trust_env=False, timeout=60) as browser:
        browser.sign_in(gateway.caller().key)
        secret = browser.cookies.get(COOKIE)
        until(lambda: browser.get("/console", headers={"cookie": f"{COOKIE}={secret}"}).status_code == 303)


def test_another_admin_key_ends_the_sessions_of_the_old_one(start_gateway: StartGateway) -> None:
    cookies: dict[str, str] = {}
    for key, expected in (("fga_first", 200), ("fga_second", 303)):
        gateway = start_gateway(admin_key=key)
        with Browser(base_url=gateway.address, trust_env=False, timeout=60) as browser:
            if not cookies:
                browser.sign_in(key)
                cookies = dict(browser.cookies)
            browser.cookies.update(cookies)
            assert browser.get("/console").status_code == expected


def test_the_admin_has_no_jobs_of_its_own(start_gateway: StartGateway, prompt: str) -> None:
    gateway = start_gateway(admin_key="fga_first")
    with Browser(base_url=gateway.address, trust_env=False, timeout=60) as browser:
        browser.sign_in("fga_first")
        headers = {CSRF_HEADER: browser.csrf_token()}
        assert browser.post(DEV, json={"prompt": prompt}, headers=headers).status_code == 401


def test_pages_ask_nobody_else_for_anything(signed_in: Browser) -> None:
    for path in ("/console", SIGN_IN, "/console/nothing"):
        headers = signed_in.get(path, follow_redirects=True).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-frame-options"] == "DENY"


def test_our_files_may_be_kept(signed_in: Browser) -> None:
    [style] = re.findall(r'href="(/console/static/look.css\?v=[0-9a-f]{12})"', signed_in.get("/console").text)
    answer = signed_in.get(style)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert signed_in.get("/console/static/../pages.py").status_code == 404
