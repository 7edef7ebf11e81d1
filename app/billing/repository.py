"""Every statement on prices."""

from app.billing.price_file import parse_rules, problem_lines
from app.billing.prices import PriceBook
from app.errors import InvalidInput, StartupError
from app.storage.postgres import Database, Executor, Row

CURRENT_VERSION = "SELECT id, rules FROM price_versions ORDER BY id DESC LIMIT 1"

VERSION_BEFORE = "SELECT id, rules FROM price_versions WHERE id < $1 ORDER BY id DESC LIMIT 1"

LIST_VERSIONS = "SELECT id, loaded_at, rules FROM price_versions ORDER BY id DESC"

# Readers pass; another loader waits, so that versions become visible in the order of their numbers.
ONE_LOADER = "LOCK TABLE price_versions IN SHARE ROW EXCLUSIVE MODE"

ADD_VERSION = "INSERT INTO price_versions (rules) VALUES ($1) RETURNING id"


class PriceRepository:
    """The versions of the prices as they are stored; the newest counts, none is ever changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def current(self) -> PriceBook:
        """The newest version.

        Raises:
            StartupError: there is none, or it cannot be read; prices are never silently empty.
            StorageUnavailable: the database does not answer.
        """
        rows = await self._database.execute(CURRENT_VERSION)
        if not rows:
            raise StartupError("there are no prices; `fluxgate prices load FILE` adds some")
        return _book(rows[0])

    async def add_version(self, executor: Executor, rules_json: str) -> int:
        """Adds a version and returns its number; `executor` is a transaction, which other loaders wait for.

        Raises:
            InvalidInput: the rules cannot be read; nothing was added.
        """
        parse_rules(rules_json)
        await executor.execute(ONE_LOADER)
        [row] = await executor.execute(ADD_VERSION, rules_json)
        return int(row["id"])

    async def version_before(self, executor: Executor, version: int) -> Row | None:
        """The version that counted until this one was added: `id`, `rules`; None for the first."""
        rows = await executor.execute(VERSION_BEFORE, version)
        return rows[0] if rows else None

    async def versions(self) -> list[Row]:
        """All versions, newest first: `id`, `loaded_at`, `rules`."""
        return list(await self._database.execute(LIST_VERSIONS))


def _book(row: Row) -> PriceBook:
    try:
        return PriceBook(row["id"], parse_rules(row["rules"]))
    except InvalidInput as error:
        raise StartupError(
            f"version {row['id']} of the prices cannot be read: {problem_lines(error)[0]}; "
            "`fluxgate prices load FILE` puts a good one above it"
        ) from None
