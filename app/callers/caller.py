"""Who is calling, once recognised."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final
from uuid import UUID

from app.callers.policy import Privacy
from app.errors import ModelNotAllowed

# What a list of allowed models may hold: ids, and patterns of them.
MODEL_GLOB: Final = re.compile(r"[A-Za-z0-9._/*?!\[\]-]+")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most so many submits in any minute, counted together for all who share the scope.

    Attributes:
        scope: `team` or `key`.
        scope_id: whose limit it is.
    """

    scope: str
    scope_id: UUID
    per_minute: int


@dataclass(frozen=True, slots=True)
class Caller:
    """A key and the team it belongs to; and the browser token, if one was minted from the key and sent.

    Attributes:
        secret_number: which of the key's secrets was presented, or is the oldest that counts where the key
            was found by its id.
        models: lists of globs, one for each of team, key and token that has one; every list must allow.
        rates: the limits that apply, of the key and of the team.
        privacy: how much is kept of the team's jobs once they have ended.
        rewrites_urls: whether results name the vault's links in place of the upstream's.
        token_id: the browser token that was presented; it sees its own jobs alone.
        end_user: for whom the token was minted; None where any may be named.
    """

    key_id: UUID
    key_name: str
    team_id: UUID
    team_name: str
    models: tuple[tuple[str, ...], ...] = ()
    rates: tuple[RateLimit, ...] = ()
    secret_number: int = 0
    privacy: Privacy = Privacy.FULL
    rewrites_urls: bool = False
    token_id: UUID | None = None
    end_user: str | None = None

    def require_model(self, model_id: str) -> None:
        """Lets a model pass that all lists allow.

        Raises:
            ModelNotAllowed: one of them does not; the message says which would.
        """
        for allowed in self.models:
            if not any(fnmatchcase(model_id, glob) for glob in allowed):
                raise ModelNotAllowed(
                    f"This credential may not use {model_id}; it may use: {', '.join(allowed) or 'none'}."
                )
