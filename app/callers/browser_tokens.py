"""Browser tokens: what recognising and minting them needs, and what a presented one grants."""

from dataclasses import dataclass, replace

from app.callers.caller import Caller
from app.callers.pepper import derived_key
from app.callers.token_format import TokenClaims, TokenSigner
from app.callers.token_repository import TokenRepository
from app.errors import Unauthorized
from app.settings import Settings
from app.storage.postgres import Database

PURPOSE = "browser tokens"


@dataclass(frozen=True, slots=True)
class BrowserTokens:
    """Held by the gateway for its life."""

    signer: TokenSigner
    repository: TokenRepository


def open_tokens(settings: Settings, pepper: bytes, database: Database) -> BrowserTokens:
    """The secrets are those of the settings; unset, one that all processes with this pepper derive alike."""
    secrets = [derived_key(pepper, PURPOSE)]
    if settings.token_keys is not None:
        secrets = [key.strip().encode() for key in settings.token_keys.get_secret_value().split(",")]
    return BrowserTokens(TokenSigner(secrets), TokenRepository(database))


def require_usable(claims: TokenClaims, origin: str | None, now_seconds: float) -> None:
    """Lets a token pass that has not ended and is sent from where it belongs. Pure.

    Args:
        claims: what the token says.
        origin: what the request's one `Origin` header says; None without one.
        now_seconds: seconds since 1970.

    Raises:
        Unauthorized: the token has ended, or belongs to another origin.
    """
    if now_seconds * 1000 >= claims.expires_ms:
        raise Unauthorized("This browser token has expired; ask your backend for a new one.")
    if claims.origin is not None and claims.origin != origin:
        raise Unauthorized("This browser token is for pages of another origin.")


def caller_with_token(parent: Caller, claims: TokenClaims) -> Caller:
    """The key's caller, narrowed to what its token says. Pure."""
    models = parent.models if claims.models is None else (*parent.models, claims.models)
    return replace(parent, models=models, token_id=claims.token_id, end_user=claims.end_user)
