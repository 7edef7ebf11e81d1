"""Spent and reserved together never pass a limit, and the counters are what the ledger says: always."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from uuid_utils.compat import uuid7

from app.billing.prices import Quote
from app.billing.settlement import Settlement, release
from app.jobs.admission import Outcome, Recorded, Refusal, TakenBefore
from app.jobs.job import Claims, Move, NewJob
from app.jobs.repository import JobRepository
from app.jobs.states import TERMINAL, JobState
from app.storage.postgres import Database as Pool
from tests.support.accounts import DIFFERENCES, Account, differences
from tests.support.database import Database

Value = TypeVar("Value")

PASSED = """
    SELECT * FROM allowances
    WHERE reserved_micros + spent_micros > budget_micros OR in_flight > max_in_flight OR images > max_images
        OR reserved_micros < 0 OR spent_micros < 0 OR in_flight < 0 OR images < 0
"""


def new_job(
    account: Account,
    micros: int | None,
    *,
    images: int = 1,
    key_id: UUID | None = None,
    token_id: UUID | None = None,
) -> NewJob:
    """A job that may cost so much."""
    return NewJob(
        id=uuid7(),
        team_id=account.team_id,
        key_id=key_id or account.key_id,
        token_id=token_id,
        model_id="fal-ai/flux-1/dev",
        prompt="a cat",
        upstream_input=b"{}",
        upstream_headers={},
        end_user=None,
        cache="BYPASS",
        quote=Quote(None if micros is None else 1, "image", micros, micros, images),
        claims=Claims(account.team_id, None, b"", None),
    )


@asynccontextmanager
async def repositories(url: str, number: int) -> AsyncIterator[list[JobRepository]]:
    """Several processes' view of one database."""
    pools = [await Pool.connect(url, pool_size=2, timeout_seconds=20) for _ in range(number)]
    try:
        yield [JobRepository(pool, lease_seconds=60) for pool in pools]
    finally:
        for pool in pools:
            await pool.close()


def test_a_thousand_rounds_of_rivals_never_overspend_and_refuse_nobody_who_fits(database: Database) -> None:
    account = Account.new(database)
    chance = random.Random(20_261_122)

    async def play(replicas: list[JobRepository]) -> None:
        for _ in range(1000):
            budget = chance.randrange(1, 100)
            account_of_round = await _fresh(replicas[0], account, budget, chance.choice([None, 3, 8]))
            batches = [
                [new_job(account_of_round, chance.randrange(1, 30)) for _ in range(chance.randrange(1, 9))]
                for _ in replicas
            ]
            outcomes = await asyncio.gather(
                *(replica.record(batch) for replica, batch in zip(replicas, batches, strict=True))
            )
            _check_round(budget, batches, outcomes)

    async def run() -> None:
        async with repositories(database.url, 3) as replicas:
            await play(replicas)

    asyncio.run(run())
    assert database.rows(PASSED) == []
    assert differences(database) == []


@pytest.mark.parametrize("claimed", ["key_digest", "cache_digest"])
def test_of_those_who_found_the_same_one_takes_its_place(database: Database, claimed: str) -> None:
    account = Account.new(database)

    def rival(replaces: UUID | None = None) -> NewJob:
        job = new_job(account, 1)
        if claimed == "key_digest":
            claims = replace(job.claims, key_digest=b"the same", replaces_keyed=replaces)
        else:
            claims = replace(job.claims, cache_digest=b"the same", replaces_cached=replaces)
        return replace(job, claims=claims)

    async def run() -> None:
        async with repositories(database.url, 3) as replicas:
            for _ in range(20):
                found = await replicas[0].find_earlier([rival().claims])
                seen = found[0].keyed_job_id or found[0].cached_job_id
                # Two of them at once, one alone, and one beside a job that claims nothing.
                batches = [[rival(seen), rival(seen)], [rival(seen)], [rival(seen), new_job(account, 1)]]
                answers = await asyncio.gather(
                    *(replica.record(batch) for replica, batch in zip(replicas, batches, strict=True))
                )
                words = Counter(type(outcome) for batch in answers for outcome in batch)
                assert words == {Recorded: 2, TakenBefore: 3}
                assert isinstance(answers[2][1], Recorded)

    asyncio.run(run())
    assert database.count_jobs() == 40
    assert differences(database) == []


async def _fresh(replica: JobRepository, account: Account, budget: int, in_flight: int | None) -> Account:
    """A new team with this budget."""
    team_id, key_id = uuid4(), uuid4()
    await replica._executor.execute(  # noqa: SLF001 # the statements under test are given what they find
        "INSERT INTO allowances (scope_id, scope, budget_micros, max_in_flight)"
        " VALUES ($1, 'team', $3, NULL), ($2, 'key', NULL, $4)",
        team_id,
        key_id,
        budget,
        in_flight,
    )
    return Account(account.database, team_id, key_id)


def _check_round(budget: int, batches: list[list[NewJob]], outcomes: list[Any]) -> None:
    pairs = [
        (job.quote.reserved_micros or 0, outcome)
        for batch, answers in zip(batches, outcomes, strict=True)
        for job, outcome in zip(batch, answers, strict=True)
    ]
    spent = sum(micros for micros, outcome in pairs if isinstance(outcome, Recorded))
    assert spent <= budget
    # What is left only shrinks within a round, so who was refused for money does not fit at its end either.
    for micros, outcome in pairs:
        assert not isinstance(outcome, Refusal) or outcome.limit != "budget" or micros > budget - spent


class LedgerMachine(RuleBasedStateMachine):
    """Submits, ends of every kind, crashes and new days, in any order."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.database = Database(self.url)
        self.account = Account.new(self.database)
        self.second_key, self.token = uuid4(), uuid4()
        self.database.rows(
            "INSERT INTO allowances (scope_id, scope, budget_period) VALUES ($1, 'key', 'month'),"
            " ($2, 'token', 'total')",
            self.second_key,
            self.token,
        )
        self.open_jobs: dict[UUID, tuple[NewJob, JobState]] = {}
        self.has_begun = False
        self.runner = asyncio.Runner()
        self.pool = self.run(Pool.connect(self.url, pool_size=1, timeout_seconds=20))
        self.repository = JobRepository(self.pool, lease_seconds=3600)
        self.scopes = (self.account.team_id, self.account.key_id, self.second_key, self.token)

    def teardown(self) -> None:
        self.run(self.pool.close())
        self.runner.close()
        for table in ("ledger", "jobs", "work", "job_events", "job_inputs", "allowances"):
            self.database.rows(f"DELETE FROM {table}")

    def run(self, coroutine: Coroutine[Any, Any, Value]) -> Value:
        return self.runner.run(coroutine)

    def ask(self, statement: str, *values: object) -> list[Any]:
        return list(self.run(self.pool.execute(statement, *values)))

    @precondition(lambda self: not self.has_begun)
    @rule(
        scope=st.integers(0, 3),
        budget=st.none() | st.integers(0, 60),
        period=st.sampled_from(["day", "month", "total"]),
        in_flight=st.none() | st.integers(1, 4),
        images=st.none() | st.integers(1, 9),
    )
    def limit(
        self, scope: int, budget: int | None, period: str, in_flight: int | None, images: int | None
    ) -> None:
        """Limits are set while nothing is used; changing them later is another use case."""
        self.ask(
            "UPDATE allowances SET budget_micros = $2, budget_period = $3, max_in_flight = $4,"
            " max_images = $5 WHERE scope_id = $1",
            self.scopes[scope],
            budget,
            period,
            in_flight,
            images,
        )

    @rule(
        asks=st.lists(
            st.tuples(st.none() | st.integers(0, 25), st.integers(1, 4), st.booleans(), st.booleans()),
            min_size=1,
            max_size=6,
        )
    )
    def submit(self, asks: list[tuple[int | None, int, bool, bool]]) -> None:
        jobs = [
            new_job(
                self.account,
                micros,
                images=images,
                key_id=self.second_key if second else None,
                token_id=self.token if with_token else None,
            )
            for micros, images, second, with_token in asks
        ]
        self.has_begun = True
        outcomes = self.run(self.repository.record(jobs))
        for job, outcome in zip(jobs, outcomes, strict=True):
            if isinstance(outcome, Recorded):
                self.open_jobs[job.id] = (job, outcome.state)
            else:
                self._is_right(job, outcome)

    @precondition(lambda self: self.open_jobs)
    @rule(data=st.data(), kind=st.sampled_from(["less", "all", "nothing", "cancelled", "unknown", "lost"]))
    def go_on(self, data: st.DataObject, kind: str) -> None:
        job, state = self.open_jobs[data.draw(st.sampled_from(sorted(self.open_jobs)))]
        reserved = job.quote.reserved_micros
        made = data.draw(st.integers(0, job.quote.images))
        ends = {
            "less": (JobState.SUCCEEDED, Settlement("charge", reserved and reserved // 2, made)),
            "all": (JobState.SUCCEEDED, Settlement("charge", reserved, job.quote.images)),
            "nothing": (JobState.FAILED, release()),
            "cancelled": (JobState.CANCELLED, release()),
            "unknown": (JobState.UNKNOWN, None),
            "lost": (JobState.LOST, Settlement("charge", reserved, 0)),
        }
        after, settlement = ends[kind]
        if kind in ("less", "all") and state is JobState.SUBMITTING:
            self._move(job, state, JobState.QUEUED, None)
            state = JobState.QUEUED
        if kind == "lost" and state is JobState.SUBMITTING:
            self._move(job, state, JobState.UNKNOWN, None)
            state = JobState.UNKNOWN
        try:
            self._move(job, state, after, settlement)
        except ValueError:  # a move that a job in this state cannot make
            self.open_jobs[job.id] = (job, state)

    @precondition(lambda self: self.open_jobs)
    @rule(data=st.data())
    def end_twice(self, data: st.DataObject) -> None:
        """Whoever writes with an epoch that is over changes nothing, money included."""
        job, state = self.open_jobs[data.draw(st.sampled_from(sorted(self.open_jobs)))]
        if state is JobState.UNKNOWN:
            return
        late = Move(job_id=job.id, epoch=99, before=state, after=JobState.FAILED, settlement=release())
        assert self.run(self.repository.move([late])) == [False]

    @precondition(lambda self: self.has_begun)
    @rule()
    def a_month_passes(self) -> None:
        """Everything that was is older than the present day and month."""
        back = "- interval '40 days'"
        self.ask(f"UPDATE jobs SET created_at = created_at {back}")
        self.ask(f"UPDATE allowances SET window_start = window_start {back} WHERE window_start > '-infinity'")

    @invariant()
    def no_limit_is_passed(self) -> None:
        assert self.ask(PASSED) == []

    @invariant()
    def counters_and_ledger_agree(self) -> None:
        assert self.ask(DIFFERENCES) == []

    def _move(self, job: NewJob, before: JobState, after: JobState, settlement: Settlement | None) -> None:
        look_in_seconds = None if after in TERMINAL else 3600.0
        move = Move(
            job_id=job.id,
            epoch=1,
            before=before,
            after=after,
            look_in_seconds=look_in_seconds,
            pull_in_seconds=look_in_seconds,
            settlement=settlement,
        )
        assert self.run(self.repository.move([move])) == [True]
        if after in TERMINAL:
            del self.open_jobs[job.id]
        else:
            self.open_jobs[job.id] = (job, after)

    def _is_right(self, job: NewJob, outcome: Outcome) -> None:
        """A refusal names a limit that the job would pass as things stand after the batch."""
        assert isinstance(outcome, Refusal)
        scope_id = {"team": job.team_id, "key": job.key_id, "token": job.token_id}[outcome.scope]
        [row] = self.ask(
            "SELECT *, reserved_micros + spent_micros AS used FROM allowances WHERE scope_id = $1", scope_id
        )
        match outcome.limit:
            case "unpriced":
                assert job.quote.reserved_micros is None
            case "budget":
                left = row["budget_micros"] - (0 if self._is_over(row) else row["used"])
                assert (job.quote.reserved_micros or 0) > left
            case "images":
                assert job.quote.images > row["max_images"] - (0 if self._is_over(row) else row["images"])
            case _:
                assert row["in_flight"] >= row["max_in_flight"]

    def _is_over(self, row: Any) -> bool:
        """Whether the row counts a window that has ended, because nothing was admitted since."""
        if row["budget_period"] == "total":
            return False
        statement = "SELECT $1::timestamptz < date_trunc($2, now(), 'UTC') AS is_over"
        [answer] = self.ask(statement, row["window_start"], row["budget_period"])
        return bool(answer["is_over"])


def test_in_any_order_of_events_no_limit_is_passed_and_the_ledger_agrees(database: Database) -> None:
    class Machine(LedgerMachine):
        url = database.url

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            deadline=None,
            # Making a failure smaller would take minutes; the events that led to it are few enough to read.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
