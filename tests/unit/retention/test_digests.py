"""Digests that only this installation can make, and that say nothing across teams."""

import hmac
from hashlib import sha256
from uuid import uuid4

from app.retention.digests import Digests

TEAM, OTHER = uuid4(), uuid4()
DIGESTS = Digests(b"k" * 32)


def test_a_text_has_the_digest_that_its_plain_digest_leads_to() -> None:
    for text in ("", "a cat", "é\n\u2028"):
        assert DIGESTS.of_text(TEAM, text) == DIGESTS.keyed(TEAM, sha256(text.encode()).digest())


def test_a_digest_depends_on_the_key_the_team_and_the_text() -> None:
    made = {
        DIGESTS.of_text(TEAM, "a cat"),
        DIGESTS.of_text(TEAM, "a dog"),
        DIGESTS.of_text(OTHER, "a cat"),
        Digests(b"l" * 32).of_text(TEAM, "a cat"),
        sha256(b"a cat").digest(),
    }
    assert len(made) == 5
    inner = sha256(b"a cat").digest()
    assert DIGESTS.of_text(TEAM, "a cat") == hmac.digest(b"k" * 32, TEAM.bytes + inner, "sha256")


def test_nothing_has_no_digest() -> None:
    assert DIGESTS.keyed(TEAM, None) is None
