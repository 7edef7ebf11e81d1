"""The upstream's answers without the key, should it say it."""

import httpx
import pytest
from pydantic import SecretStr

from app.upstream.credentials import Credentials
from app.upstream.transport import Answer

KEY = "0123456789abcdef-key"
CREDENTIALS = Credentials(SecretStr(KEY), "Key")


def answer(status: int, body: bytes, **headers: str) -> Answer:
    return Answer(status, httpx.Headers(headers), body)


@pytest.mark.parametrize("status", [200, 202, 302, 400, 422, 500])
def test_a_body_is_without_the_key(status: int) -> None:
    said = answer(status, b'{"detail": "%b is unknown, Key %b"}' % (KEY.encode(), KEY.encode()))
    assert CREDENTIALS.hide(said).body == b'{"detail": "*** is unknown, Key ***"}'


@pytest.mark.parametrize("status", [200, 422])
def test_headers_are_without_the_key(status: int) -> None:
    hidden = CREDENTIALS.hide(
        answer(status, b"", **{"x-fal-error-type": f"key {KEY}", "content-type": "a/b"})
    )
    assert dict(hidden.headers) == {"x-fal-error-type": "key ***", "content-type": "a/b"}


def test_the_secret_half_of_a_key_is_hidden_by_itself() -> None:
    credentials = Credentials(SecretStr(f"the-id:{KEY}"), "Key")
    assert credentials.hide(answer(401, f"the-id:{KEY}, {KEY}, the-id".encode())).body == b"***, ***, the-id"


def test_an_answer_that_does_not_say_it_stays_as_it_is() -> None:
    said = answer(422, b"{}", **{"content-type": "a/b"})
    assert CREDENTIALS.hide(said) is said


def test_a_word_that_is_no_secret_is_left_in() -> None:
    said = answer(422, b"xyz")
    assert Credentials(SecretStr("x"), "Key").hide(said) is said
