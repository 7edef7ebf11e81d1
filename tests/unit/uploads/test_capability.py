import base64
import string
from dataclasses import replace
from uuid import UUID, uuid4

import orjson
import pytest

from app.callers.token_format import TokenClaims, TokenSigner
from app.uploads.addresses import NAME_LENGTH
from app.uploads.capability import LENGTH, PREFIX, AwaitedFile, Capability, CapabilitySigner, is_capability

SIGNER = CapabilitySigner(b"a secret of thirty-two bytes, yes")
FILE = AwaitedFile(uuid4(), "image/png", "cat.png")
FOR_ONE = Capability(uuid4(), uuid4(), None, 1_900_000_000, FILE)
FOR_ANY = Capability(uuid4(), uuid4(), uuid4(), 1_900_000_000)
BASE64 = string.ascii_letters + string.digits + "-_"


@pytest.mark.parametrize("capability", [FOR_ONE, FOR_ANY, replace(FOR_ONE, token_id=uuid4())])
def test_what_was_signed_is_read_again(capability: Capability) -> None:
    text = SIGNER.sign(capability)
    assert SIGNER.read(text) == capability
    assert is_capability(text)
    assert set(text) <= {*BASE64, "."}


def test_the_longest_name_fits() -> None:
    name = "\U0001f408" * NAME_LENGTH
    longest = replace(FOR_ONE, token_id=uuid4(), file=replace(FILE, file_name=name))
    text = SIGNER.sign(longest)
    assert len(text) < LENGTH
    assert SIGNER.read(text) == longest


def test_one_changed_character_anywhere_is_refused() -> None:
    text = SIGNER.sign(FOR_ONE)
    for place in range(len(text)):
        for other in BASE64:
            if other != text[place]:
                assert SIGNER.read(text[:place] + other + text[place + 1 :]) is None


@pytest.mark.parametrize("text", ["", "x", PREFIX, f"{PREFIX}.", f"{PREFIX}e30.{'A' * 43}", "fg_" + "x" * 38])
def test_other_texts_are_refused(text: str) -> None:
    assert SIGNER.read(text) is None


def test_parts_of_two_are_refused() -> None:
    one, two = SIGNER.sign(FOR_ONE), SIGNER.sign(FOR_ANY)
    assert SIGNER.read(f"{one.partition('.')[0]}.{two.partition('.')[2]}") is None
    assert SIGNER.read(one + "=") is None
    assert SIGNER.read(one + "A") is None
    assert SIGNER.read(one * 2) is None
    assert SIGNER.read(f" {one}") is None


def test_another_secret_signs_for_itself() -> None:
    assert CapabilitySigner(b"another secret").read(SIGNER.sign(FOR_ONE)) is None


def test_browser_tokens_under_the_same_secret_are_none() -> None:
    secret = b"a secret of thirty-two bytes, yes"
    claims = TokenClaims(FILE.file_id, FOR_ONE.key_id, FOR_ONE.team_id, expires_ms=1_900_000_000_000)
    token = TokenSigner([secret]).sign(claims)
    assert SIGNER.read(PREFIX + token.removeprefix("fgt_")) is None
    text = SIGNER.sign(FOR_ANY)
    assert TokenSigner([secret]).read("fgt_" + text.removeprefix(PREFIX)) is None


def test_claims_are_kept_short_and_open() -> None:
    payload = SIGNER.sign(FOR_ANY).removeprefix(PREFIX).partition(".")[0]
    members = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert UUID(members["g"]) == FOR_ANY.team_id
    assert sorted(members) == ["g", "k", "t", "x"]
