"""What the overview shows, asked once for all who look at it."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.audit.overview import Month, Standing, look_at_month, look_at_present
from app.callers.sessions import Session
from app.console.health import Part, health_of
from app.console.shared import Shared
from app.gateway import Gateway

# A little less than the page waits between two looks, so that one who looks alone sees something new.
PRESENT_SECONDS: Final = 1.5
HEALTH_SECONDS: Final = 2.0
MONTH_SECONDS: Final = 50.0


@dataclass(frozen=True, slots=True)
class Present:
    """What changes from one moment to the next."""

    standing: Standing
    health: list[Part]


class Board:
    """What was found lately, for each team and for all; held by the application for its life."""

    def __init__(self) -> None:
        self._standing = Shared[UUID | None, Standing](PRESENT_SECONDS)
        self._health = Shared[None, list[Part]](HEALTH_SECONDS)
        self._month = Shared[tuple[UUID | None, str], Month](MONTH_SECONDS)

    async def present(self, gateway: Gateway, session: Session) -> Present:
        """How things stand for whoever is signed in.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        team_id = team_of(session)
        standing = await self._standing.get(team_id, lambda: look_at_present(gateway.database, team_id))
        return Present(standing, await self._health.get(None, lambda: health_of(gateway)))

    async def month(self, gateway: Gateway, session: Session, dimension: str) -> Month:
        """The last thirty days.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        team_id = team_of(session)
        return await self._month.get(
            (team_id, dimension), lambda: look_at_month(gateway.database, team_id, dimension)
        )


def team_of(session: Session) -> UUID | None:
    """The team that a session sees; None for the admin, who sees all."""
    return None if session.caller is None else session.caller.team_id
