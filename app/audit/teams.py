"""Use case: the one team that a report shall be about."""

from uuid import UUID

from app.audit.report_repository import ReportRepository
from app.errors import InvalidInput


async def find_team(reports: ReportRepository, name: str | None) -> UUID | None:
    """The team with this name or id; None when none is named, which means all.

    Raises:
        InvalidInput: there is no such team; a report of nothing would look like one of a team that is idle.
        StorageUnavailable: the database does not answer.
    """
    if name is None:
        return None
    team_id = await reports.team_named(name)
    if team_id is None:
        problem = {"loc": ["query", "team"], "msg": "team: there is no such team", "type": "unknown_team"}
        raise InvalidInput([problem])
    return team_id
