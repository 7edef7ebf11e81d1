import base64
import hashlib
from collections.abc import Callable

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.webhooks.incoming_signature import Signed, read_signed, read_web_keys

AT = 1_750_000_000
BODY = b'{"request_id":"abc","status":"OK"}'
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = PRIVATE.public_key().public_bytes_raw()
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32).public_key().public_bytes_raw()

Headers = list[tuple[str, str]]


def signed_headers(body: bytes = BODY) -> Headers:
    """As fal's documentation describes it, written down a second time."""
    digest = hashlib.sha256(body).hexdigest()
    signature = PRIVATE.sign(f"abc\nuser 1\n{AT}\n{digest}".encode())
    return [
        ("content-type", "application/json"),
        ("x-fal-webhook-request-id", "abc"),
        ("x-fal-webhook-user-id", "user 1"),
        ("x-fal-webhook-timestamp", str(AT)),
        ("x-fal-webhook-signature", signature.hex()),
    ]


def with_value(name: str, change: Callable[[str], str]) -> Headers:
    return [(one, change(value) if one.endswith(name) else value) for one, value in signed_headers()]


def read(headers: Headers, body: bytes = BODY) -> Signed:
    signed = read_signed(headers, body)
    assert signed is not None
    return signed


def test_a_signature_is_recognised_by_whichever_key_made_it() -> None:
    signed = read(signed_headers())
    assert signed.at == AT
    assert signed.is_by_one_of([OTHER, PUBLIC])
    assert not signed.is_by_one_of([OTHER])
    assert not signed.is_by_one_of([])


def test_the_signature_is_hexadecimal_in_any_case() -> None:
    assert read(with_value("signature", str.upper)).is_by_one_of([PUBLIC])


@pytest.mark.parametrize(
    "headers",
    [
        with_value("user-id", lambda _: "user 2"),
        with_value("request-id", lambda _: "abd"),
        with_value("timestamp", lambda value: str(int(value) + 1)),
        with_value("timestamp", lambda value: f"0{value}"),
        with_value("signature", lambda value: ("1" if value[0] == "0" else "0") + value[1:]),
        with_value("signature", lambda _: "0" * 128),
    ],
)
def test_whatever_is_changed_breaks_the_signature(headers: Headers) -> None:
    assert not read(headers).is_by_one_of([PUBLIC])


@pytest.mark.parametrize("body", [BODY[:-1], BODY + b" ", BODY.replace(b"OK", b"OJ"), b""])
def test_a_body_that_is_changed_by_one_byte_breaks_the_signature(body: bytes) -> None:
    assert not read(signed_headers(), body).is_by_one_of([PUBLIC])


@pytest.mark.parametrize(
    "headers",
    [
        [],
        *([header for header in signed_headers() if header != left_out] for left_out in signed_headers()[1:]),
        *([*signed_headers(), header] for header in signed_headers()[1:]),
        with_value("signature", lambda value: value[:-2]),
        with_value("signature", lambda value: value + "00"),
        with_value("signature", lambda value: value[:-1] + "g"),
        with_value("signature", lambda value: value[:126] + " 0"),
        with_value("timestamp", lambda _: ""),
        with_value("timestamp", lambda _: "-1"),
        with_value("timestamp", lambda _: "1e9"),
        with_value("timestamp", lambda value: f"{value}.5"),
        with_value("timestamp", lambda _: "9" * 40),
        with_value("timestamp", lambda _: "١٧٥٠"),  # noqa: RUF001 # digits, but not those of a timestamp
    ],
)
def test_without_each_header_once_and_well_formed_there_is_no_signature(headers: Headers) -> None:
    assert read_signed(headers, BODY) is None


@pytest.mark.parametrize(
    ("now", "is_so"), [(AT, True), (AT + 300, True), (AT - 300, True), (AT + 301, False), (AT - 301, False)]
)
def test_a_signature_holds_for_five_minutes_both_ways(now: float, is_so: bool) -> None:
    assert read(signed_headers()).is_fresh(now) == is_so


def web_key(raw: bytes = PUBLIC, **changes: object) -> dict[str, object]:
    encoded = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return {"kty": "OKP", "crv": "Ed25519", "x": encoded} | changes


def test_the_keys_of_a_set_are_read_in_their_order() -> None:
    document = orjson.dumps({"keys": [web_key(OTHER, kid="1"), web_key(x=web_key()["x"] + "=")]})  # type: ignore[operator] # it is text
    assert read_web_keys(document) == (OTHER, PUBLIC)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"keys":null}',
        b'{"keys":{"kty":"OKP"}}',
        *(
            orjson.dumps({"keys": [key]})
            for key in (
                None,
                "OKP",
                {"kty": "OKP", "crv": "Ed25519"},
                web_key(kty="RSA"),
                web_key(crv="X25519"),
                web_key(x=None),
                web_key(x=5),
                web_key(x="é"),
                web_key(PUBLIC[:31]),
                web_key(PUBLIC + b"0"),
            )
        ),
    ],
)
def test_what_is_no_key_is_passed_over(document: bytes) -> None:
    assert read_web_keys(document) == ()
