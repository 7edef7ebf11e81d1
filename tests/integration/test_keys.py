"""Who is let in: Bearer and Key, one credential, well-formed, living."""

from pathlib import Path

import httpx
import pytest

from app.callers.key_material import BASE62, CHECKSUM_CHARACTERS, checksum, new_key
from tests.support.accounts import Account
from tests.support.caller import DEV, Caller
from tests.support.gateway import Gateway, make_keys
from tests.support.processes import run_fluxgate
from tests.support.stores import PEPPER
from tests.support.waiting import until, until_over

READS = f"{DEV}/requests/0190a0b0-0000-7000-8000-000000000000/status"


def answer_to(gateway: Gateway, *credentials: str) -> httpx.Response:
    """An answer to these Authorization headers: 404 says that they were honoured."""
    return gateway.get(READS, headers=[("authorization", value) for value in credentials])


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Key", "key", "kEY", "Bearer "])
def test_both_schemes_count_in_any_case(gateway: Gateway, caller: Caller, scheme: str) -> None:
    assert answer_to(gateway, f"{scheme} {caller.key}").status_code == 404


@pytest.mark.parametrize(
    "form",
    [
        "{key}",
        "Basic {key}",
        "Token {key}",
        "Bearer",
        "Bearer\t{key}",
        "Bearer {key}x",
        "Bearer {key}, Key {key}",
        "Bearer Bearer {key}",
        "Key fg_",
        "Key ' OR '1'='1",
        "Key fga_{key}",
    ],
)
def test_anything_else_is_unauthorized(gateway: Gateway, caller: Caller, form: str) -> None:
    answer = answer_to(gateway, form.format(key=caller.key))
    assert (answer.status_code, answer.json()["error_type"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["x-fal-error-type"] == "unauthorized"
    assert caller.key not in answer.text


def test_no_credential_is_unauthorized(gateway: Gateway) -> None:
    assert answer_to(gateway).status_code == 401


def test_two_credentials_are_one_too_many(gateway: Gateway, caller: Caller) -> None:
    assert answer_to(gateway, f"Bearer {caller.key}", f"Bearer {caller.key}").status_code == 401


def test_a_key_in_the_query_does_not_count(gateway: Gateway, caller: Caller) -> None:
    assert gateway.get(READS, params={"key": caller.key}).status_code == 401


@pytest.mark.parametrize(
    "value", [b"Key " + b"x" * 10_000, b"Key \xff\xfe", "Key 🐱".encode(), b"Key \xc3\xbc"]
)
def test_strange_bytes_are_unauthorized_and_no_fault(gateway: Gateway, value: bytes) -> None:
    assert gateway.get(READS, headers=[(b"authorization", value)]).status_code == 401


def test_a_well_formed_key_that_nobody_made_is_unauthorized(gateway: Gateway) -> None:
    assert answer_to(gateway, f"Key {new_key()}").status_code == 401


def test_keys_with_the_same_beginning_are_different_keys(gateway: Gateway) -> None:
    """Whichever of the two is presented first."""
    first, second = (make_keys(gateway.database, 1)[0] for _ in range(2))
    presented = (first, alike(first), alike(second), second)
    statuses = [answer_to(gateway, f"Key {key}").status_code for key in presented]
    assert statuses == [404, 401, 401, 404]


def alike(key: str) -> str:
    """Another well-formed key, of which all but the last random character is the same."""
    body = key[:-CHECKSUM_CHARACTERS]
    other = body[:-1] + next(letter for letter in BASE62 if letter != body[-1])
    return other + checksum(other)


def test_only_a_digest_of_a_key_is_stored(gateway: Gateway, caller: Caller) -> None:
    rows = gateway.database.rows("SELECT t.*, k.* FROM api_keys k JOIN teams t ON t.id = k.team_id")
    assert rows
    assert caller.key not in str(rows)


def test_a_revoked_key_dies_everywhere_within_seconds(gateway: Gateway, tmp_path: Path) -> None:
    [key] = make_keys(gateway.database, 1)
    key_id = Account.of(gateway.database, gateway.caller(key)).key_id
    assert answer_to(gateway, f"Key {key}").status_code == 404
    settings = {"database_url": gateway.database.url, "key_pepper": PEPPER}
    revoked = run_fluxgate(tmp_path, "keys", "revoke", str(key_id), settings=settings)
    assert revoked.returncode == 0
    until_over(lambda: answer_to(gateway, f"Key {key}").status_code == 404, 7)


def test_an_expired_key_is_unauthorized(gateway: Gateway) -> None:
    [key] = make_keys(gateway.database, 1)
    key_id = Account.of(gateway.database, gateway.caller(key)).key_id
    assert answer_to(gateway, f"Key {key}").status_code == 404
    gateway.database.rows("UPDATE api_keys SET expires_at = now() + '1 s' WHERE id = $1", key_id)
    until(lambda: gateway.database.value("SELECT expires_at < now() FROM api_keys WHERE id = $1", key_id))
    # What was heard of it just before is believed for five seconds.
    until_over(lambda: answer_to(gateway, f"Key {key}").status_code == 404, 7)
