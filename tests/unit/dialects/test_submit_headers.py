"""What a submit says in its headers."""

import pytest
from starlette.requests import Request

from app.dialects.submit_headers import cache_wish, end_user, idempotency_key
from app.errors import BadRequest
from app.jobs.request import CacheWish


def request(*headers: tuple[str, bytes]) -> Request:
    return Request({"type": "http", "headers": [(name.encode(), value) for name, value in headers]})


WISHES = {
    "": CacheWish(),
    "public, immutable": CacheWish(),
    "no-cache": CacheWish(max_age_seconds=0.0),
    "No-Cache": CacheWish(max_age_seconds=0.0),
    "max-age=0, no-cache": CacheWish(max_age_seconds=0.0),
    "max-age=0": CacheWish(max_age_seconds=0.0),
    "max-age=60": CacheWish(max_age_seconds=60.0),
    'max-age="60"': CacheWish(max_age_seconds=60.0),
    "max-age=60, max-age=30": CacheWish(max_age_seconds=30.0),
    "max-age=-1": CacheWish(),
    "max-age=1e9": CacheWish(),
    "max-age=99999999999999999999": CacheWish(),
    "no-store": CacheWish(max_age_seconds=0.0, may_keep=False),
    "max-age=60, no-store": CacheWish(max_age_seconds=0.0, may_keep=False),
}


@pytest.mark.parametrize("words", WISHES)
def test_cache_control(words: str) -> None:
    assert cache_wish(request(("cache-control", words.encode()))) == WISHES[words]


KEYS = {b"a": "a", b'"a"': "a", b'"': '"', b'a"': 'a"', b"x" * 255: "x" * 255, b"a b": "a b"}


@pytest.mark.parametrize("value", KEYS)
def test_idempotency_keys(value: bytes) -> None:
    assert idempotency_key(request(("idempotency-key", value))) == KEYS[value]


@pytest.mark.parametrize("value", [b"", b'""', b"x" * 256, "ä".encode(), b"a\x00", b"a\tb"])
def test_what_is_no_idempotency_key(value: bytes) -> None:
    with pytest.raises(BadRequest):
        idempotency_key(request(("idempotency-key", value)))


def test_an_end_user_is_any_printable_name() -> None:
    assert end_user(request()) is None
    assert end_user(request(("x-fluxgate-end-user", b"  "))) is None
    assert end_user(request(("x-fluxgate-end-user", " Zoë ".encode()))) == "Zoë"


@pytest.mark.parametrize("value", [b"\xff", b"x" * 201, b"a\x07b", "\u202eevil".encode()])
def test_what_is_no_end_user(value: bytes) -> None:
    with pytest.raises(BadRequest):
        end_user(request(("x-fluxgate-end-user", value)))


@pytest.mark.parametrize("name", ["idempotency-key", "x-fluxgate-end-user"])
def test_two_of_a_kind_are_refused(name: str) -> None:
    with pytest.raises(BadRequest):
        (idempotency_key if name == "idempotency-key" else end_user)(request((name, b"a"), (name, b"b")))
