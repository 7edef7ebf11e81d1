"""Who is calling, once recognised."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Caller:
    """A key and the team it belongs to."""

    key_id: UUID
    key_name: str
    team_id: UUID
    team_name: str
