"""Browser tokens: minted by a key, good for its own jobs alone, dead within seconds of its key."""

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
from itsdangerous import Signer

from app.callers.pepper import derived_key
from app.callers.token_format import PURPOSE, TOKEN_PREFIX, TokenClaims, TokenSigner
from tests.conftest import StartGateway
from tests.support.accounts import Account
from tests.support.caller import DEV, Caller
from tests.support.gateway import Gateway
from tests.support.processes import run_fluxgate
from tests.support.stores import PEPPER
from tests.support.waiting import until_over

APP = "https://app.example.com"
SECRET = derived_key(PEPPER.encode(), "browser tokens")
NO_JOB = f"{DEV}/requests/0190a0b0-0000-7000-8000-000000000000/status"
# The parent is believed for five seconds; the rest is the test's own time.
DEAD_SECONDS = 7


def mint(caller: Caller, **fields: object) -> dict[str, Any]:
    answer = caller.post("/api/tokens", json=fields)
    assert answer.status_code == 201, answer.text
    minted = answer.json()
    assert isinstance(minted, dict)
    return minted


@pytest.fixture
def page(gateway: Gateway, caller: Caller) -> Caller:
    """A client with a token of the caller's key."""
    return gateway.caller(mint(caller)["token"])


def key_of(caller: Caller, gateway: Gateway) -> dict[str, Any]:
    key_id = Account.of(gateway.database, caller).key_id
    [row] = gateway.database.rows("SELECT * FROM api_keys WHERE id = $1", key_id)
    return row


def standing(gateway: Gateway, token: str, **headers: str) -> int:
    """What the gateway makes of a token: 404 says that it was honoured, for there is no such job."""
    return gateway.get(NO_JOB, headers={"authorization": f"Bearer {token}", **headers}).status_code


def members_of(token: str) -> tuple[dict[str, Any], str]:
    payload, _, signature = token.removeprefix(TOKEN_PREFIX).partition(".")
    return orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))), signature


def payload_of(members: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(members)).decode().rstrip("=")


# Minting


def test_a_key_mints_a_token(gateway: Gateway, caller: Caller) -> None:
    before = datetime.now(UTC)
    answer = caller.post(
        "/api/tokens",
        json={
            "ttl_seconds": 600,
            "origin": APP,
            "models": ["fal-ai/flux-1/*"],
            "max_images": 7,
            "max_cost_usd": "0.25",
            "end_user": "Ada Lovelace",
        },
    )
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    minted = answer.json()
    assert sorted(minted) == ["expires_at", "id", "token"]
    assert minted["token"].startswith("fgt_")
    assert len(minted["token"]) < 600
    expires_at = datetime.fromisoformat(minted["expires_at"])
    assert before + timedelta(seconds=599) < expires_at < datetime.now(UTC) + timedelta(seconds=601)
    [row] = gateway.database.rows("SELECT * FROM allowances WHERE scope_id = $1", UUID(minted["id"]))
    assert (row["scope"], row["budget_micros"], row["budget_period"]) == ("token", 250_000, "total")
    assert (row["max_images"], row["max_in_flight"]) == (7, None)
    assert row["purge_after"] == expires_at + timedelta(days=2)


def test_all_fields_may_be_left_out(gateway: Gateway, caller: Caller) -> None:
    minted = mint(caller)
    left = datetime.fromisoformat(minted["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=3500) < left <= timedelta(seconds=3600)
    [row] = gateway.database.rows("SELECT * FROM allowances WHERE scope_id = $1", UUID(minted["id"]))
    assert (row["scope"], row["budget_micros"], row["max_images"]) == ("token", None, None)
    assert standing(gateway, minted["token"]) == 404


def test_null_is_as_good_as_nothing(caller: Caller) -> None:
    mint(caller, origin=None, models=None, max_images=None, max_cost_usd=None, end_user=None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ttl_seconds", 0),
        ("ttl_seconds", -1),
        ("ttl_seconds", 3601),
        ("ttl_seconds", 10**9),
        ("ttl_seconds", 315_360_000),
        ("ttl_seconds", 10.5),
        ("ttl_seconds", "60"),
        ("ttl_seconds", True),
        ("ttl_seconds", None),
        ("origin", ""),
        ("origin", "null"),
        ("origin", "*"),
        ("origin", "https://*.example.com"),
        ("origin", "https://example.com/"),
        ("origin", "https://example.com/app"),
        ("origin", "https://Example.com"),
        ("origin", "https://example.com:443"),
        ("origin", "example.com"),
        ("origin", "https://a.example, https://b.example"),
        ("origin", "https://" + "a" * 1000),
        ("origin", 5),
        ("models", []),
        ("models", "fal-ai/*"),
        ("models", [""]),
        ("models", ["a b"]),
        ("models", ["a" * 101]),
        ("models", ["a"] * 51),
        ("models", [5]),
        ("max_images", 0),
        ("max_images", -1),
        ("max_images", 100_001),
        ("max_images", "7"),
        ("max_images", 1.5),
        ("max_cost_usd", 0.0000001),
        ("max_cost_usd", -1),
        ("max_cost_usd", True),
        ("max_cost_usd", []),
        ("max_cost_usd", "-1"),
        ("max_cost_usd", "1e3"),
        ("max_cost_usd", "0.0000001"),
        ("max_cost_usd", "NaN"),
        ("max_cost_usd", "1 USD"),
        ("max_cost_usd", "9" * 40),
        ("end_user", ""),
        ("end_user", "a" * 201),
        ("end_user", "line\nbreak"),
        ("end_user", 5),
        ("team", "another"),
        ("scope", "admin"),
    ],
)
def test_a_wrong_field_is_named(caller: Caller, field: str, value: object) -> None:
    answer = caller.post("/api/tokens", json={field: value})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["error_type"] == "invalid_input"
    assert answer.json()["errors"][0]["loc"][:2] == ["body", field]


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"ttl_seconds": 1, "ttl_seconds": 2}', "application/json", 400),
        (b"[]", "application/json", 422),
        (b'{"end_user": "a\\u0000"}', "application/json", 422),
        (b"ttl_seconds=60", "application/x-www-form-urlencoded", 415),
    ],
)
def test_a_broken_body_is_a_problem(caller: Caller, content: bytes, content_type: str, status: int) -> None:
    answer = caller.post("/api/tokens", content=content, headers={"content-type": content_type})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_only_a_key_mints(gateway: Gateway, page: Caller) -> None:
    answer = page.post("/api/tokens", json={})
    assert (answer.status_code, answer.json()["error_type"]) == (403, "forbidden")
    anonymous = httpx.post(f"{gateway.address}/api/tokens", json={}, trust_env=False, timeout=60)
    assert anonymous.status_code == 401


def test_the_admin_key_mints_no_token(start_gateway: StartGateway) -> None:
    admin = start_gateway(admin_key="a-word-of-the-operator").caller("a-word-of-the-operator")
    answer = admin.post("/api/tokens", json={})
    assert (answer.status_code, answer.json()["error_type"]) == (403, "forbidden")


# What a token may do


@pytest.mark.parametrize("scheme", ["Bearer", "key"])
def test_both_schemes_take_a_token(gateway: Gateway, caller: Caller, scheme: str) -> None:
    answer = gateway.get(NO_JOB, headers={"authorization": f"{scheme} {mint(caller)['token']}"})
    assert answer.status_code == 404


def test_a_token_makes_a_picture_and_reads_it(gateway: Gateway, page: Caller, prompt: str) -> None:
    job_id = page.job(prompt)
    page.wait(job_id)
    assert page.result(job_id).json()["images"]
    row = gateway.database.job(job_id)
    token_id = gateway.database.value("SELECT scope_id FROM allowances WHERE scope_id = $1", row["token_id"])
    assert token_id == row["token_id"]


def test_a_token_cancels_its_own_job(page: Caller, prompt: str) -> None:
    assert page.cancel(page.job(f"{prompt} [queue 60]")).status_code in {200, 202}


def test_a_token_sees_its_own_jobs_alone(gateway: Gateway, caller: Caller, prompt: str) -> None:
    one, other = (gateway.caller(mint(caller)["token"]) for _ in range(2))
    job_id, key_job = one.job(prompt), caller.job(f"{prompt} too")
    nobody = other.status(str(uuid4()))
    for answer in (other.status(job_id), other.result(job_id), other.cancel(job_id), one.status(key_job)):
        assert (answer.status_code, answer.content) == (404, nobody.content)
    assert other.get(f"/api/jobs/{job_id}").status_code == 404
    # The key holder sees what was made in its name.
    assert caller.status(job_id).status_code in {200, 202}
    assert one.get(f"/api/jobs/{job_id}").status_code == 200


def test_a_token_may_know_itself_and_list_its_own_jobs(gateway: Gateway, caller: Caller, prompt: str) -> None:
    page = gateway.caller(mint(caller, end_user="ada")["token"])
    job_id = page.job(prompt)
    caller.job(f"{prompt} too")
    assert page.get("/api/me").status_code == 200
    assert [job["id"] for job in page.get("/api/jobs").json()["items"]] == [job_id]
    assert len(caller.get("/api/jobs").json()["items"]) == 2


@pytest.mark.parametrize(
    "path",
    [
        "/api/usage",
        "/api/usage.csv",
        "/api/admin/teams",
        "/api/admin/keys",
        "/api/admin/jobs",
        "/api/admin/usage",
    ],
)
def test_a_token_may_do_nothing_else(page: Caller, path: str) -> None:
    answer = page.get(path)
    assert (answer.status_code, answer.json()["error_type"]) == (403, "forbidden")


def test_a_token_may_look_at_the_models(page: Caller) -> None:
    assert page.get("/v1/models").status_code == 200


def test_a_token_uses_its_models_alone(gateway: Gateway, caller: Caller, prompt: str) -> None:
    page = gateway.caller(mint(caller, models=["fal-ai/flux-1/d?v", "fal-ai/flux/*"])["token"])
    assert page.submit(prompt).status_code == 200
    answer = page.submit(prompt, "/fal-ai/flux-1/schnell")
    assert (answer.status_code, answer.json()["error_type"]) == (403, "model_not_allowed")


def test_a_token_makes_so_many_images_and_no_more(gateway: Gateway, caller: Caller, prompt: str) -> None:
    page = gateway.caller(mint(caller, max_images=3)["token"])
    assert page.submit(prompt, num_images=2).status_code == 200
    answer = page.submit(prompt, num_images=2)
    assert (answer.status_code, answer.json()["error_type"]) == (402, "budget_exceeded")
    assert page.submit(f"{prompt} small", num_images=1).status_code == 200


def test_a_token_spends_so_much_and_no_more(gateway: Gateway, caller: Caller, prompt: str) -> None:
    page = gateway.caller(mint(caller, max_cost_usd="0.03")["token"])
    size = {"width": 1000, "height": 1000}
    assert page.submit(prompt, image_size=size).status_code == 200
    answer = page.submit(f"{prompt} again", image_size=size)
    assert (answer.status_code, answer.json()["error_type"]) == (402, "budget_exceeded")
    # What one token may not, its key still may.
    assert caller.submit(f"{prompt} again", image_size=size).status_code == 200


def test_the_end_user_of_a_token_is_the_jobs(gateway: Gateway, caller: Caller, prompt: str) -> None:
    page = gateway.caller(mint(caller, end_user="ada")["token"])
    answer = page.post(DEV, json={"prompt": prompt}, headers={"x-fluxgate-end-user": "somebody-else"})
    job_id = answer.json().get("request_id") if answer.status_code == 200 else None
    assert job_id is None or gateway.database.job(job_id)["end_user"] == "ada"
    assert gateway.database.job(page.job(f"{prompt} too"))["end_user"] == "ada"


# Origins


def test_a_bound_token_wants_its_origin(gateway: Gateway, caller: Caller) -> None:
    token = mint(caller, origin=APP)["token"]
    assert standing(gateway, token, origin=APP) == 404
    assert standing(gateway, token) == 401
    for other in ("null", "http://app.example.com", f"{APP}.evil.com", f"{APP}:8443", "https://evil.example"):
        assert standing(gateway, token, origin=other) == 401
    pairs = [("authorization", f"Bearer {token}"), ("origin", APP), ("origin", "https://evil.example")]
    assert gateway.get(NO_JOB, headers=pairs).status_code == 401


def test_a_token_without_an_origin_wants_none(gateway: Gateway, caller: Caller) -> None:
    token = mint(caller)["token"]
    assert standing(gateway, token) == standing(gateway, token, origin="https://any.example") == 404


# What is not a token


@pytest.fixture
def forgeries(gateway: Gateway, caller: Caller) -> Iterator[tuple[str, str]]:
    """Tokens that somebody could make out of a good one, by what is wrong with them."""
    token = mint(caller, origin=APP, models=["fal-ai/flux-1/dev"], max_images=1, end_user="ada")["token"]
    members, signature = members_of(token)
    assert f"{TOKEN_PREFIX}{payload_of(members)}.{signature}" == token
    assert standing(gateway, token, origin=APP) == 404

    def forged() -> Iterator[tuple[str, str]]:
        other = base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
        changes = {
            "t": other,
            "k": other,
            "g": other,
            "x": members["x"] + 3_600_000,
            "o": "https://evil.example",
            "m": ["*"],
            "u": "eve",
        }
        assert sorted(changes) == sorted(members)
        for name, value in changes.items():
            yield f"altered {name}", f"{TOKEN_PREFIX}{payload_of({**members, name: value})}.{signature}"
            rest = {key: given for key, given in members.items() if key != name}
            yield f"without {name}", f"{TOKEN_PREFIX}{payload_of(rest)}.{signature}"
        payload = payload_of(members)
        yield "unsigned", f"{TOKEN_PREFIX}{payload}"
        yield "an empty signature", f"{TOKEN_PREFIX}{payload}."
        yield "a signature of zeros", f"{TOKEN_PREFIX}{payload}.{'A' * 43}"
        yield "shortened", token[:-1]
        yield "lengthened", token + "A"
        yield "10 kB", TOKEN_PREFIX + "A" * 10_000 + "." + signature
        yield "another ring", TokenSigner([b"another secret"]).sign(claims_of(members))
        for name, signer in {
            "no purpose": Signer([SECRET], key_derivation="hmac", digest_method=hashlib.sha256),
            "another purpose": Signer([SECRET], b"x", key_derivation="hmac", digest_method=hashlib.sha256),
            "sha1": Signer([SECRET], PURPOSE, key_derivation="hmac", digest_method=hashlib.sha1),
            "sha512": Signer([SECRET], PURPOSE, key_derivation="hmac", digest_method=hashlib.sha512),
            "no derivation": Signer([SECRET], PURPOSE, key_derivation="none", digest_method=hashlib.sha256),
        }.items():
            yield name, TOKEN_PREFIX + signer.sign(payload).decode()

    return forged()


def claims_of(members: dict[str, Any], **changes: Any) -> TokenClaims:
    ids = {
        name: UUID(bytes=base64.urlsafe_b64decode(members[letter] + "=="))
        for name, letter in (("token_id", "t"), ("key_id", "k"), ("team_id", "g"))
    }
    return TokenClaims(**{**ids, "expires_ms": members["x"], **changes})


def test_forgeries_are_unauthorized(gateway: Gateway, forgeries: Iterator[tuple[str, str]]) -> None:
    for name, token in forgeries:
        for headers in ({}, {"origin": APP}, {"origin": "https://evil.example"}):
            assert standing(gateway, token, **headers) == 401, name


def test_what_we_signed_ourselves_still_has_to_be_true(gateway: Gateway, caller: Caller) -> None:
    signer, (members, _) = TokenSigner([SECRET]), members_of(mint(caller)["token"])
    stranger = key_of(gateway.caller(), gateway)
    assert standing(gateway, signer.sign(claims_of(members))) == 404
    for changes in (
        {"key_id": uuid4()},
        {"key_id": stranger["id"]},
        {"team_id": stranger["team_id"]},
        {"expires_ms": members["x"] - 3_600_000},
    ):
        assert standing(gateway, signer.sign(claims_of(members, **changes))) == 401, changes


@pytest.mark.parametrize(
    "value", [b"fgt_\xff\xfe", b"fgt_\xc3\xbc." + b"A" * 43, "fgt_🐱".encode(), b"fgt_", b"fgt_\x01.A"]
)
def test_strange_bytes_are_unauthorized_and_no_fault(gateway: Gateway, value: bytes) -> None:
    answer = gateway.get(NO_JOB, headers=[(b"authorization", b"Bearer " + value)])
    assert answer.status_code in {400, 401}


def test_two_credentials_are_one_too_many(gateway: Gateway, caller: Caller) -> None:
    token = mint(caller)["token"]
    for pair in ((token, token), (token, caller.key), (caller.key, token)):
        headers = [("authorization", f"Bearer {credential}") for credential in pair]
        assert gateway.get(NO_JOB, headers=headers).status_code == 401
    assert standing(gateway, f"{token}, Bearer {token}") == 401


def test_a_token_in_the_query_does_not_count(gateway: Gateway, caller: Caller) -> None:
    token = mint(caller)["token"]
    assert gateway.get(NO_JOB, params={"token": token}).status_code == 401
    headers = {"authorization": f"Bearer {token}"}
    assert gateway.get(NO_JOB, params={"key": "fg_x"}, headers=headers).status_code == 404


def test_tokens_that_begin_alike_are_different_tokens(gateway: Gateway, caller: Caller, prompt: str) -> None:
    signer, (members, _) = TokenSigner([SECRET]), members_of(mint(caller)["token"])
    wide = signer.sign(claims_of(members))
    narrow = signer.sign(claims_of(members, models=("fal-ai/flux-1/schnell",)))
    assert wide[:100] == narrow[:100]
    for _ in range(2):
        assert gateway.caller(narrow).submit(prompt).status_code == 403
        assert gateway.caller(wide).submit(prompt, "/fal-ai/flux-1/dev").status_code != 403


# The end of a token


def test_a_token_ends(gateway: Gateway, caller: Caller) -> None:
    minted = mint(caller, ttl_seconds=1)
    # It counts for a second from when it was minted, which was before this line.
    until_over(lambda: standing(gateway, minted["token"]) == 404, 3)
    answer = gateway.get(NO_JOB, headers={"authorization": f"Bearer {minted['token']}"})
    assert "expired" in answer.json()["detail"]
    assert datetime.now(UTC) >= datetime.fromisoformat(minted["expires_at"])


def test_tokens_die_with_their_key_and_their_team(gateway: Gateway) -> None:
    team_of = "SELECT team_id FROM api_keys WHERE id = $1"
    ends = (
        "UPDATE api_keys SET revoked_at = now() WHERE id = $1",
        "UPDATE api_keys SET expires_at = now() WHERE id = $1",
        f"UPDATE teams SET revoked_at = now() WHERE id = ({team_of})",
        f"UPDATE teams SET expires_at = now() WHERE id = ({team_of})",
    )
    callers = [gateway.caller() for _ in ends]
    tokens = [[mint(caller)["token"] for _ in range(2)] for caller in callers]
    assert [standing(gateway, pair[0]) for pair in tokens] == [404] * len(ends)
    for caller, end in zip(callers, ends, strict=True):
        gateway.database.rows(end, key_of(caller, gateway)["id"])
    until_over(lambda: any(standing(gateway, pair[0]) == 404 for pair in tokens), DEAD_SECONDS)
    assert [standing(gateway, pair[1]) for pair in tokens] == [401] * len(ends)


# The ring


def test_secrets_can_be_exchanged_while_tokens_live(start_gateway: StartGateway) -> None:
    before, between, after = (start_gateway(token_keys=ring) for ring in ("old", "new, old", "new"))
    caller = before.caller()
    old = mint(caller)["token"]
    new = mint(between.caller(caller.key))["token"]
    assert [standing(gateway, old) for gateway in (before, between, after)] == [404, 404, 401]
    assert [standing(gateway, new) for gateway in (before, between, after)] == [401, 404, 404]


def test_processes_with_one_pepper_know_each_others_tokens(start_gateway: StartGateway) -> None:
    one, other = start_gateway(), start_gateway()
    assert standing(other, mint(one.caller())["token"]) == 404


@pytest.mark.parametrize("ring", [",", "a,", ",a", "a,,b", "a, ,b"])
def test_a_blank_secret_stops_the_start(tmp_path: Path, ring: str) -> None:
    settings = {"upstream_key": "x", "database_url": "postgresql://127.0.0.1:1/x", "token_keys": ring}
    done = run_fluxgate(tmp_path, "serve", "--port", "0", settings=settings)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.endswith(
        "FLUXGATE_TOKEN_KEYS: holds a blank entry; write the secrets with one comma between two of them"
    )


def test_no_token_is_ever_logged(start_gateway: StartGateway, prompt: str) -> None:
    gateway = start_gateway(log_level="debug")
    caller = gateway.caller()
    token = mint(caller, end_user="ada")["token"]
    page = gateway.caller(token)
    page.wait(page.job(prompt))
    standing(gateway, token + "x")
    gateway.get(NO_JOB, params={"token": token})
    log = gateway.process.log() + gateway.get("/metrics").text
    signature = token.rpartition(".")[2]
    assert "request.answered" in log
    assert all(secret not in log for secret in (token, signature, token[:60], caller.key))
