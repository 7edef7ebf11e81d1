"""The use cases of administration, called in this process on a test's database."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.admin.context import AdminContext
from app.storage.postgres import Database as Connections
from tests.support.database import Database
from tests.support.stores import PEPPER

Answer = TypeVar("Answer")

ACTOR = "cli:somebody@somewhere"


def administer(
    database: Database, deed: Callable[[AdminContext], Awaitable[Answer]], *, pool_size: int = 4
) -> Answer:
    """What comes of a deed."""

    async def run() -> Answer:
        connections = await Connections.connect(database.url, pool_size=pool_size, timeout_seconds=20)
        try:
            return await deed(AdminContext.on(connections, PEPPER.encode()))
        finally:
            await connections.close()

    return asyncio.run(run())
