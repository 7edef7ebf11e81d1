"""Questions of reports; the statements are in the modules named for what they tell."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final
from uuid import UUID

from app.audit import job_statements, prompt_statements, standing_statements, usage_statements
from app.audit.job_filters import JobFilters, Sight
from app.audit.prompt_words import MODEL_ID, as_query, key_mark, model_mark, team_mark
from app.audit.usage_order import Order
from app.audit.usage_report import UsageQuestion
from app.storage.postgres import Database, Row
from app.vault.context import Vault

# PostgreSQL holds no value of this size.
ENDLESS_BYTES: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Carried:
    """How large an input and an answer may be to come along with their job; a larger one is left out."""

    input_bytes: int = ENDLESS_BYTES
    answer_bytes: int = ENDLESS_BYTES


ALL_OF_IT: Final = Carried()

# Each takes a connection and, of what is not written down yet, some of PostgreSQL's time.
SEARCHES_AT_ONCE: Final = 3
# For each of the statements of a search; well below the time after which the database counts as away.
SEARCH_SECONDS: Final = 3.0


class ReportRepository:
    """Usage, jobs and allowances as they are stored, for those who read and never for those who decide.

    Attributes:
        vault: tells which pictures of jobs are kept; without it none are shown so.
        grace_seconds: how long payloads are shown of teams that keep digests or nothing.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault | None = None,
        *,
        grace_seconds: float,
        search_seconds: float = SEARCH_SECONDS,
    ) -> None:
        self.database = database
        self.vault = vault
        self.grace_seconds = float(grace_seconds)
        self._search_seconds = search_seconds
        self._searching = asyncio.Semaphore(SEARCHES_AT_ONCE)

    async def usage_lines(
        self, question: UsageQuestion, *, after: Sequence[Any], limit: int
    ) -> Sequence[Row]:
        """Lines of a report in the order of its groups, those behind the place `after`."""
        statement, values = usage_statements.usage_lines(
            question.groups, question.period, question.team_id, after=after, limit=limit
        )
        return await self.database.execute(statement, *values)

    async def first_usage_lines(
        self, question: UsageQuestion, order: Order | None, *, limit: int
    ) -> Sequence[Row]:
        """The first lines of a report in some order, each with the number and the sums of all."""
        statement, values = usage_statements.first_lines(
            question.groups, question.period, question.team_id, order=order, limit=limit
        )
        return await self.database.execute(statement, *values)

    async def number_of_usage_lines(self, question: UsageQuestion, *, most: int) -> int:
        """How many lines a report has, counted up to so many."""
        statement, values = usage_statements.number_of_lines(
            question.groups, question.period, question.team_id, most=most
        )
        [row] = await self.database.execute(statement, *values)
        return int(row["number"])

    async def jobs(
        self, sight: Sight, filters: JobFilters, *, before: UUID | None, limit: int
    ) -> Sequence[Row]:
        """Jobs, newest first, below the id `before`."""
        statement, values = job_statements.job_page(
            sight, filters, before=before, limit=limit, grace_seconds=self.grace_seconds
        )
        return await self.database.execute(statement, *values)

    async def jobs_found(
        self, sight: Sight, filters: JobFilters, *, before: UUID | None, limit: int
    ) -> Sequence[Row]:
        """Jobs whose prompts hold the words of the filters, newest first, below the id `before`.

        Few look at a time, and the others wait for them without a connection: jobs are taken meanwhile.

        Raises:
            TookTooLongError: there is too much to look through.
        """
        async with self._searching:
            ids = await self._ids_found(sight, filters, before=before, limit=limit)
        return await self.database.execute(job_statements.THESE_JOBS, ids, self.grace_seconds)

    async def _ids_found(
        self, sight: Sight, filters: JobFilters, *, before: UUID | None, limit: int
    ) -> list[UUID]:
        query = as_query(filters.words, await self._marks(sight, filters))
        statements, grace_seconds = prompt_statements, self.grace_seconds
        near = statements.near(sight, filters, query, before=before, limit=limit, grace_seconds=grace_seconds)
        ids = await self._ids_of(near)
        end = (
            await self._ids_of(statements.end_of_near(sight, filters, before=before))
            if len(ids) < limit
            else []
        )
        far = partial(statements.far, sight, filters, query, grace_seconds=grace_seconds)
        if end and statements.is_worth_a_walk(len(ids), limit):
            ids += await self._ids_of(far(before=end[0], limit=limit - len(ids), is_walk=True))
            end = await self._ids_of(statements.end_of_walk(end[0])) if len(ids) < limit else []
        if end:
            ids += await self._ids_of(far(before=end[0], limit=limit - len(ids)))
        return ids

    async def _ids_of(self, question: tuple[str, Sequence[object]]) -> list[UUID]:
        statement, values = question
        return [row["id"] for row in await self.database.search(self._search_seconds, statement, *values)]

    async def days_of_model(self, model: str, team_id: UUID | None) -> tuple[date, date] | None:
        """The first and the last day on which a model was used, as far as the sums go; None for never."""
        statement, values = usage_statements.days_of_model(model, team_id)
        [row] = await self.database.execute(statement, *values)
        return None if row["first"] is None else (row["first"], row["last"])

    async def job(self, job_id: UUID, most: Carried = ALL_OF_IT) -> Row | None:
        """One job with its input, its result and the names of its team and key; None when there is none."""
        rows = await self.database.execute(
            job_statements.ONE_JOB, job_id, self.grace_seconds, most.input_bytes, most.answer_bytes
        )
        return rows[0] if rows else None

    async def is_whole(self, job_id: UUID) -> bool:
        """Whether the privacy of its team lets the payload of a job be shown; True where there is none."""
        rows = await self.database.execute(job_statements.IS_WHOLE, job_id, self.grace_seconds)
        return not rows or bool(rows[0]["is_whole"])

    async def ledger_of(self, team_id: UUID, job_id: UUID) -> Sequence[Row]:
        """What the ledger says about one job, in order."""
        return await self.database.execute(job_statements.LEDGER_OF, job_id, team_id)

    async def team_named(self, name: str) -> UUID | None:
        """The team with this name, or else with this id; None when there is none."""
        rows = await self.database.execute(job_statements.TEAM_NAMED, name)
        return rows[0]["id"] if rows else None

    async def standing(self, scope_ids: Sequence[UUID]) -> dict[UUID, Row]:
        """The allowances of these scopes, with what is used of them in the present window."""
        rows = await self.database.execute(standing_statements.STANDING, list(scope_ids))
        return {row["scope_id"]: row for row in rows}

    async def _marks(self, sight: Sight, filters: JobFilters) -> list[str]:
        """What stands beside the words of all jobs that may be meant, so that the index leaves others out."""
        marks = [] if sight.team_id is None else [team_mark(sight.team_id)]
        if filters.model is not None and MODEL_ID.fullmatch(filters.model):
            marks.append(model_mark(filters.model))
        if filters.key is not None:
            rows = await self.database.execute(prompt_statements.KEYS_CALLED, filters.key, sight.team_id)
            if len(rows) == 1:
                marks.append(key_mark(rows[0]["id"]))
        return marks


def place_of(row: Row, groups: Sequence[str]) -> tuple[Any, ...]:
    """Where a line stands in its report; the next page begins behind it."""
    return tuple(row[usage_statements.GROUPS[group][0]] for group in groups)
