"""Who may work on a picture now: few in the process, fewer of one team, and the rest in line."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

# More than browsers ask for at once, even of several people; each of them holds nothing while it waits.
WAITING_AT_MOST: Final = 64


class NoTurnError(Exception):
    """This team has as many in line as it may have."""


@dataclass(slots=True)
class _Line:
    turns: asyncio.Semaphore
    members: int = 0


class Turns:
    """Held by the application for its life.

    Whoever waits for a turn of the process holds one of their team, so nobody has more than a team's turns in
    front of them for each other team.
    """

    def __init__(self, *, at_once: int, of_one_team: int, waiting: int = WAITING_AT_MOST) -> None:
        self._all = asyncio.Semaphore(at_once)
        self._of_one_team = of_one_team
        self._members_at_most = of_one_team + waiting
        self._lines: dict[Hashable, _Line] = {}

    @asynccontextmanager
    async def turn(self, team: Hashable) -> AsyncIterator[None]:
        """A turn until the end of the block.

        Raises:
            NoTurnError: too many of this team wait already.
        """
        line = self._lines.setdefault(team, _Line(asyncio.Semaphore(self._of_one_team)))
        if line.members >= self._members_at_most:
            raise NoTurnError
        line.members += 1
        try:
            async with line.turns, self._all:
                yield
        finally:
            line.members -= 1
            if not line.members:
                del self._lines[team]

    def __len__(self) -> int:
        """How many teams have a turn or wait for one."""
        return len(self._lines)
