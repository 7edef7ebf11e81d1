import base64
import string
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.callers.token_format import TOKEN_LENGTH, TOKEN_PREFIX, TokenClaims, TokenSigner, is_token

BASE64 = string.ascii_letters + string.digits + "-_"
SIGNER = TokenSigner([b"the first secret"])
PLAIN = TokenClaims(
    token_id=UUID(int=1), key_id=UUID(int=2), team_id=UUID(int=3), expires_ms=1_800_000_000_123
)
FULL = replace(
    PLAIN,
    origin="https://app.example.com",
    models=("fal-ai/flux-1/*", "fal-ai/flux/dev"),
    end_user="Ada Lovelace 🐱",
)

claims = st.builds(
    TokenClaims,
    token_id=st.uuids(),
    key_id=st.uuids(),
    team_id=st.uuids(),
    expires_ms=st.integers(min_value=0, max_value=2**53),
    origin=st.none() | st.text(max_size=300),
    models=st.none() | st.lists(st.text(max_size=20), max_size=50).map(tuple),
    end_user=st.none() | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200),
)


def parts(token: str) -> tuple[dict[str, Any], str]:
    """What a token says, and its signature."""
    payload, _, signature = token.removeprefix(TOKEN_PREFIX).partition(".")
    return orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))), signature


def joined(members: dict[str, Any], signature: str) -> str:
    payload = base64.urlsafe_b64encode(orjson.dumps(members)).decode().rstrip("=")
    return f"{TOKEN_PREFIX}{payload}.{signature}"


@given(claims)
def test_what_was_signed_is_read_again(said: TokenClaims) -> None:
    token = SIGNER.sign(said)
    assert is_token(token)
    assert SIGNER.read(token) == (said if len(token) <= TOKEN_LENGTH else None)


def test_an_ordinary_token_is_short_and_the_largest_is_not_too_long() -> None:
    assert len(SIGNER.sign(PLAIN)) < 250
    assert len(SIGNER.sign(FULL)) < 400
    largest = replace(FULL, origin="o" * 300, models=("m" * 100,) * 50, end_user="🐱" * 200)
    assert len(SIGNER.sign(largest)) <= TOKEN_LENGTH
    assert SIGNER.read(SIGNER.sign(largest)) == largest


@pytest.mark.parametrize("position", range(len(SIGNER.sign(FULL))))
def test_a_token_with_one_other_character_is_not_one(position: int) -> None:
    token = SIGNER.sign(FULL)
    for other in "Aq_-.=!~":
        altered = token[:position] + other + token[position + 1 :]
        assert altered == token or SIGNER.read(altered) is None


@pytest.mark.parametrize("where", [0, 4, 20, -43, -1])
@pytest.mark.parametrize("added", [" ", "\n", "!", "=", "A"])
def test_a_token_with_one_more_character_is_not_one(where: int, added: str) -> None:
    token = SIGNER.sign(FULL)
    assert SIGNER.read(token[:where] + added + token[where:]) is None
    assert SIGNER.read(token + added) is None


def test_a_signature_has_one_spelling() -> None:
    token = SIGNER.sign(FULL)
    alike = {token[:-1] + last for last in BASE64}
    assert {text for text in alike if SIGNER.read(text)} == {token}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("t", "AAAAAAAAAAAAAAAAAAAABA"),
        ("k", "AAAAAAAAAAAAAAAAAAAABA"),
        ("g", "AAAAAAAAAAAAAAAAAAAABA"),
        ("x", 9_999_999_999_999),
        ("o", "https://evil.example"),
        ("m", ["*"]),
        ("u", "somebody else"),
    ],
)
def test_an_altered_claim_is_noticed(name: str, value: object) -> None:
    members, signature = parts(SIGNER.sign(FULL))
    assert joined(members, signature) == SIGNER.sign(FULL)
    assert SIGNER.read(joined({**members, name: value}, signature)) is None
    members.pop(name)
    assert SIGNER.read(joined(members, signature)) is None


def test_signatures_cannot_be_exchanged() -> None:
    one, other = SIGNER.sign(FULL), SIGNER.sign(replace(FULL, token_id=UUID(int=9)))
    assert SIGNER.read(joined(parts(one)[0], parts(other)[1])) is None


def test_a_ring_signs_with_its_first_secret_and_accepts_all() -> None:
    old, new = TokenSigner([b"old"]), TokenSigner([b"new"])
    both = TokenSigner([b"new", b"old"])
    assert both.sign(FULL) == new.sign(FULL) != old.sign(FULL)
    assert both.read(old.sign(FULL)) == both.read(new.sign(FULL)) == FULL
    assert new.read(old.sign(FULL)) is None
    assert old.read(both.sign(FULL)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        TOKEN_PREFIX,
        f"{TOKEN_PREFIX}.",
        f"{TOKEN_PREFIX}e30." + "A" * 43,
        TOKEN_PREFIX + "A" * 10_000 + "." + "A" * 43,
        f"{TOKEN_PREFIX}{'🐱' * 20}.{'A' * 43}",
        SIGNER.sign(PLAIN).removeprefix(TOKEN_PREFIX),
        SIGNER.sign(PLAIN).rpartition(".")[0],
        "fg_" + SIGNER.sign(PLAIN).removeprefix(TOKEN_PREFIX),
    ],
)
def test_other_texts_are_not_tokens(text: str) -> None:
    assert SIGNER.read(text) is None


@given(st.text() | st.from_regex(r"fgt_[\w.-]{0,80}\.[A-Za-z0-9_-]{43}", fullmatch=True))
def test_no_text_is_too_strange_to_refuse(text: str) -> None:
    assert SIGNER.read(text) is None
    assert SIGNER.read(TOKEN_PREFIX + text) is None
