"""Which jobs somebody asks for, and which of them may be seen. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from app.callers.caller import Caller

PAGE_LIMIT: Final = 100


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose jobs may be seen; None is no bound. A browser token sees the jobs that came with it."""

    team_id: UUID | None = None
    key_id: UUID | None = None
    token_id: UUID | None = None

    @classmethod
    def of(cls, caller: Caller) -> "Sight":
        """What a credential may see: a key all jobs of its team, a browser token its own alone."""
        if caller.token_id is None:
            return cls(team_id=caller.team_id)
        return cls(team_id=caller.team_id, key_id=caller.key_id, token_id=caller.token_id)

    def covers(self, team_id: UUID, token_id: UUID | None) -> bool:
        """Whether a job of this team, sent with this browser token if with any, may be seen."""
        return self.team_id in (None, team_id) and self.token_id in (None, token_id)


@dataclass(frozen=True, slots=True)
class JobFilters:
    """Which of those are asked for; None is any.

    Attributes:
        state: one of the states of a job.
        key: the id or the name of a key; several may have one name.
        words: what the prompt has to hold, see `prompt_words`.
    """

    state: str | None = None
    model: str | None = None
    key: str | None = None
    end_user: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    words: tuple[str, ...] = ()
