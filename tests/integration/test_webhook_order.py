"""A webhook, a claim and a move of one job, in every order: the news is looked at, and looked at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import pytest

from app.billing.settlement import charge_reserved
from app.jobs.job import FIRST_EPOCH, ClaimedJob, Move
from app.jobs.repository import Heard, JobRepository
from app.jobs.schedule import Look
from app.jobs.states import JobState
from app.storage.postgres import Database as AppDatabase
from tests.conftest import StartGateway
from tests.support.called_back import seconds_to_look
from tests.support.database import Database
from tests.support.waiting import until

Answer = TypeVar("Answer")

LATER = Look(100.0, 100.0)
SHORT_LEASE_SECONDS = 4.0


class Follower:
    """What a worker, and whoever hears a webhook, does to the table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self) -> ClaimedJob:
        until(lambda: self._database.value("SELECT due_at <= now() FROM work WHERE kind = 'follow'"))
        [job] = self._ask(lambda repository: repository.claim_due(10))
        return job

    def hear(self, job_id: str, told_id: str) -> Heard:
        heard = self._ask(lambda repository: repository.hear(UUID(job_id), told_id))
        assert heard is not None
        return heard

    def move(self, move: Move) -> bool:
        [is_moved] = self._ask(lambda repository: repository.move([move]))
        return is_moved

    def _ask(self, ask: Callable[[JobRepository], Awaitable[Answer]]) -> Answer:
        async def answer() -> Answer:
            stored = await AppDatabase.connect(self._database.url, pool_size=1, timeout_seconds=30)
            try:
                return await ask(JobRepository(stored, lease_seconds=SHORT_LEASE_SECONDS))
            finally:
                await stored.close()

        return asyncio.run(answer())


@pytest.fixture
def follower(database: Database) -> Follower:
    return Follower(database)


@pytest.fixture
def queued(start_gateway: StartGateway, prompt: str) -> str:
    """A job that the upstream has taken, and that nobody follows."""
    return start_gateway("--no-worker").caller().job(f"{prompt} [slow 600]")


@pytest.fixture
def unknown(start_gateway: StartGateway, prompt: str) -> str:
    """A job that the upstream may have taken, whose time is over, and that nobody follows."""
    gateway = start_gateway("--no-worker", unknown_patience_seconds="0.1")
    return gateway.caller().job(f"{prompt} [submit reset]")


def upstream_id(database: Database, job_id: str) -> str:
    return str(database.value("SELECT upstream_id FROM jobs WHERE id = $1", UUID(job_id)))


def lost(job: ClaimedJob) -> Move:
    settlement = charge_reserved(job.price)
    return Move(
        job_id=job.job_id, epoch=job.epoch, before=job.state, after=JobState.LOST, settlement=settlement
    )


def test_news_before_a_claim_is_taken_in_by_it_and_not_again(
    follower: Follower, database: Database, queued: str
) -> None:
    there = upstream_id(database, queued)
    heard = follower.hear(queued, there)
    assert (heard.is_news, heard.is_due) == (True, True)
    job = follower.claim()
    assert job.is_told
    assert follower.move(Move.stay(job, look=LATER))
    assert seconds_to_look(database, queued) > 60
    again = follower.hear(queued, there)
    assert (again.is_news, again.is_due, again.is_mismatch) == (False, False, False)
    assert seconds_to_look(database, queued) > 60


def test_news_between_a_claim_and_its_move_makes_the_job_due_again(
    follower: Follower, database: Database, queued: str
) -> None:
    job = follower.claim()
    heard = follower.hear(queued, upstream_id(database, queued))
    assert (heard.is_news, heard.is_due) == (True, False)
    assert not job.is_told
    assert follower.move(Move.stay(job, look=LATER))
    assert follower.claim().is_told


def test_news_outlives_the_worker_that_took_it_in(
    follower: Follower, database: Database, queued: str
) -> None:
    follower.hear(queued, upstream_id(database, queued))
    assert follower.claim().is_told
    assert follower.claim().is_told


def test_a_job_with_news_is_not_given_up_by_who_has_not_seen_it(
    follower: Follower, database: Database, unknown: str
) -> None:
    job = follower.claim()
    assert (job.state, job.told_id) == (JobState.UNKNOWN, None)
    follower.hear(unknown, "there")
    assert not follower.move(lost(job))
    assert database.state(unknown) == "unknown"
    assert follower.claim().told_id == "there"


def test_news_of_a_job_that_was_given_up_is_kept(
    follower: Follower, database: Database, unknown: str
) -> None:
    job = follower.claim()
    assert follower.move(lost(job))
    heard = follower.hear(unknown, "there")
    assert (heard.state, heard.is_news, heard.is_due) == (JobState.LOST, True, False)
    assert database.value("SELECT told_id FROM jobs") == "there"
    assert database.state(unknown) == "lost"


def test_the_first_news_counts_and_that_of_the_right_request_most(follower: Follower, unknown: str) -> None:
    first = follower.hear(unknown, "first")
    second = follower.hear(unknown, "second")
    assert (first.is_news, second.is_news, second.is_mismatch) == (True, False, True)
    job = follower.claim()
    known = Move(
        job_id=job.job_id,
        epoch=job.epoch,
        before=job.state,
        after=JobState.QUEUED,
        look_in_seconds=100.0,
        pull_in_seconds=100.0,
        upstream_id="second",
    )
    assert follower.move(known)
    third = follower.hear(unknown, "second")
    assert third.is_news
    assert follower.claim().is_told


def test_an_id_that_belongs_to_another_job_is_no_news(
    follower: Follower, database: Database, queued: str, unknown: str
) -> None:
    heard = follower.hear(unknown, upstream_id(database, queued))
    assert (heard.is_news, heard.is_mismatch) == (False, True)


def test_a_second_owner_fences_the_first_whatever_was_heard(
    follower: Follower, database: Database, queued: str
) -> None:
    job = follower.claim()
    assert job.epoch == FIRST_EPOCH + 1
    follower.hear(queued, upstream_id(database, queued))
    follower.claim()
    assert not follower.move(Move.stay(job, look=LATER))
