"""One team or key by its id, or the answer that there is none."""

from uuid import UUID

from app.admin import repository
from app.errors import NotFound
from app.storage.postgres import Executor, Row


async def require_team(executor: Executor, team_id: UUID) -> Row:
    """The team of this id.

    Raises:
        NotFound: there is none.
    """
    row = await repository.team(executor, team_id)
    if row is None:
        raise NotFound(f"There is no team {team_id}.")
    return row


async def require_key(executor: Executor, key_id: UUID) -> Row:
    """The key of this id.

    Raises:
        NotFound: there is none.
    """
    row = await repository.key(executor, key_id)
    if row is None:
        raise NotFound(f"There is no key {key_id}.")
    return row


async def require_team_called(executor: Executor, name_or_id: str) -> Row:
    """The team of this name, or else of this id.

    Raises:
        NotFound: there is none.
    """
    row = await repository.team_called(executor, name_or_id, id_in(name_or_id))
    if row is None:
        raise NotFound(f"There is no team {name_or_id!r}.")
    return row


def id_in(text: str) -> UUID | None:
    """The id that a text is; None when it is none, or one in an unusual spelling."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None
