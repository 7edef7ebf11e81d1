"""Keyed digests in place of prompts, inputs and results. Pure.

Prompts can be guessed, so a plain digest of one would tell whoever has the database what it was. The key is
derived from the pepper, which the database does not have.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

KEY_PURPOSE: Final = "prompt digests"


@dataclass(frozen=True, slots=True)
class Digests:
    """Digests under one key.

    PostgreSQL makes the inner, plain digest, so that texts need not travel and the key need not either.
    """

    key: bytes

    def keyed(self, team_id: UUID, plain: bytes | None) -> bytes | None:
        """The digest that is kept for a plain one; the same words of two teams have nothing in common."""
        if plain is None:
            return None
        return hmac.digest(self.key, team_id.bytes + plain, "sha256")

    def of_text(self, team_id: UUID, text: str) -> bytes:
        """The digest that is kept for a text."""
        return hmac.digest(self.key, team_id.bytes + sha256(text.encode()).digest(), "sha256")
