"""Use case: a key holder's backend gets a token that a browser may hold."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from app.callers.browser_tokens import BrowserTokens
from app.callers.caller import Caller
from app.callers.token_format import TokenClaims


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What the token shall be good for; None sets no limit beyond the key's own.

    Attributes:
        models: globs.
        max_images: how many pictures its jobs may ask for in all.
        max_cost_micros: what its jobs may cost in all, in micro-USD.
    """

    ttl_seconds: int
    origin: str | None = None
    models: tuple[str, ...] | None = None
    max_images: int | None = None
    max_cost_micros: int | None = None
    end_user: str | None = None


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A token, shown this once; only its id is kept."""

    id: UUID
    token: str
    expires_at: datetime


async def mint_token(tokens: BrowserTokens, caller: Caller, ask: TokenRequest) -> MintedToken:
    """Opens the account that the token's jobs will be counted on, and signs the token.

    Every token has such an account, limited or not: what it spent can be told afterwards.

    Raises:
        StorageUnavailable: the account could not be opened; there is no token.
    """
    token_id = uuid7()
    expires_at = await tokens.repository.add_allowance(
        token_id,
        budget_micros=ask.max_cost_micros,
        max_images=ask.max_images,
        ttl_seconds=ask.ttl_seconds,
    )
    claims = TokenClaims(
        token_id=token_id,
        key_id=caller.key_id,
        team_id=caller.team_id,
        secret_number=caller.secret_number,
        expires_ms=_milliseconds(expires_at),
        origin=ask.origin,
        models=ask.models,
        end_user=ask.end_user,
    )
    return MintedToken(token_id, tokens.signer.sign(claims), expires_at)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
