"""Browser tokens as text: what a token says, signed so that nobody else can say it. Pure.

A token is a prefix, its claims as JSON in base64, a point, and an HMAC-SHA-256. The algorithm is fixed and
not in the token, so none can choose another. Whoever holds the token can read the claims; none is a secret.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from itsdangerous import Signer
from itsdangerous.encoding import base64_decode, base64_encode

TOKEN_PREFIX: Final = "fgt_"  # noqa: S105 # the beginning of every token, not a secret
# Signatures for any other purpose, under the same secret, are worth nothing here.
PURPOSE: Final = b"fluxgate browser token 1"
# The largest claims that can be minted stay below.
TOKEN_LENGTH: Final = 9_000

# 32 bytes are 43 characters, of which the last holds four bits: another spelling of the same signature, which
# decoders take, is not a token.
_TOKEN: Final = re.compile(rf"{TOKEN_PREFIX}[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{{42}}[AEIMQUYcgkosw048]")


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a token says.

    Attributes:
        key_id: the key that it was minted with, and dies with.
        secret_number: which of the key's secrets; it dies with that one as well.
        expires_ms: milliseconds since 1970.
        origin: the one origin whose pages may use it; None for any, and for programs.
        models: globs, one of which must allow; None where the key alone decides.
        end_user: for whom it was minted.
    """

    token_id: UUID
    key_id: UUID
    team_id: UUID
    expires_ms: int
    secret_number: int = 0
    origin: str | None = None
    models: tuple[str, ...] | None = None
    end_user: str | None = None


class TokenSigner:
    """Signs with the first secret and accepts all, so that secrets can be exchanged while tokens live."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        newest_last = list(reversed(secrets))
        self._signer = Signer(newest_last, salt=PURPOSE, key_derivation="hmac", digest_method=hashlib.sha256)

    def sign(self, claims: TokenClaims) -> str:
        """The claims as a token."""
        return TOKEN_PREFIX + self._signer.sign(base64_encode(orjson.dumps(_members(claims)))).decode()

    def read(self, token: str) -> TokenClaims | None:
        """The claims of a token that was signed with one of the secrets; None for every other text."""
        if len(token) > TOKEN_LENGTH or not _TOKEN.fullmatch(token):
            return None
        payload, _, signature = token.removeprefix(TOKEN_PREFIX).partition(".")
        if not self._signer.verify_signature(payload, signature):
            return None
        return _claims(orjson.loads(base64_decode(payload)))


def is_token(credential: str) -> bool:
    """Whether the credential claims to be a token; whether it is one, only a signer can say."""
    return credential.startswith(TOKEN_PREFIX)


def _members(claims: TokenClaims) -> dict[str, Any]:
    """Short names, and nothing for what is not said: the token goes with every request."""
    named = {
        "t": _short(claims.token_id),
        "k": _short(claims.key_id),
        "g": _short(claims.team_id),
        "x": claims.expires_ms,
        "s": claims.secret_number or None,
        "o": claims.origin,
        "m": claims.models,
        "u": claims.end_user,
    }
    return {name: value for name, value in named.items() if value is not None}


def _claims(members: dict[str, Any]) -> TokenClaims:
    """The members are ours: nobody else could have signed them."""
    models = members.get("m")
    return TokenClaims(
        token_id=_uuid(members["t"]),
        key_id=_uuid(members["k"]),
        team_id=_uuid(members["g"]),
        expires_ms=members["x"],
        secret_number=members.get("s", 0),
        origin=members.get("o"),
        models=None if models is None else tuple(models),
        end_user=members.get("u"),
    )


def _short(value: UUID) -> str:
    return base64_encode(value.bytes).decode()


def _uuid(text: str) -> UUID:
    return UUID(bytes=base64_decode(text))
