"""Who waits is told what is new, once, and nothing that is older than what was told before."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from app.jobs.job import JobView
from app.jobs.states import JobState
from app.jobs.watch import Standing, Watch

VIEW = JobView(
    id=str(uuid4()), team_id=uuid4(), key_id=uuid4(), model_id="fal-ai/flux-1/dev", state=JobState.QUEUED
)


class Nothing:
    """No other process and no database: a watch that nobody serves asks neither."""

    is_heard = False

    async def listen(self, tell: Callable[[list[str]], None]) -> None:
        raise AssertionError(tell)

    async def standings(self, job_ids: Sequence[UUID]) -> dict[UUID, Standing]:
        raise AssertionError(job_ids)

    async def pull_nearer(self, job_ids: Sequence[UUID]) -> dict[UUID, float]:
        raise AssertionError(job_ids)

    async def load(self, job_id: UUID) -> JobView | None:
        raise AssertionError(job_id)


@pytest.fixture
def watch() -> Watch:
    nothing = Nothing()
    return Watch(load=nothing.load, stored=nothing, hints=nothing, due_in=lambda _: None)


def as_(state: JobState, queue_position: int | None = None) -> JobView:
    return replace(VIEW, state=state, queue_position=queue_position)


async def test_everybody_who_waits_for_a_job_is_told_and_nobody_else(watch: Watch) -> None:
    other = replace(VIEW, id=str(uuid4()))
    with watch.on(VIEW) as one, watch.on(VIEW) as two, watch.on(other) as three:
        watch.told(as_(JobState.RUNNING))
        assert [await one.news(5), await two.news(5), three.has_news] == [True, True, False]
        assert one.view.state is two.view.state is JobState.RUNNING
        assert three.view is other


async def test_news_is_told_once(watch: Watch) -> None:
    with watch.on(VIEW) as watcher:
        watch.told(as_(JobState.RUNNING))
        assert await watcher.news(5)
        assert not await watcher.news(0.01)


@pytest.mark.parametrize(
    ("known", "late"),
    [
        (JobState.RUNNING, JobState.QUEUED),
        (JobState.RUNNING, JobState.SUBMITTING),
        (JobState.QUEUED, JobState.UNKNOWN),
        (JobState.SUCCEEDED, JobState.RUNNING),
        (JobState.SUCCEEDED, JobState.SUCCEEDED),
    ],
)
def test_what_was_read_before_something_newer_came_is_passed_over(
    watch: Watch, known: JobState, late: JobState
) -> None:
    with watch.on(VIEW) as watcher:
        newest = as_(known, queue_position=1)
        watch.told(newest)
        watch.told(as_(late))
        assert watcher.view is newest


def test_who_comes_later_starts_from_what_it_brings(watch: Watch) -> None:
    with watch.on(VIEW):
        watch.told(as_(JobState.RUNNING))
        with watch.on(VIEW) as late:
            assert (late.view, late.has_news) == (VIEW, False)


async def test_a_stop_lets_everybody_go(watch: Watch) -> None:
    with watch.on(VIEW) as watcher:
        watch.stop()
        assert await watcher.news(5)
        assert watch.is_stopping
        assert watcher.view is VIEW


def test_nobody_is_told_after_leaving(watch: Watch) -> None:
    with watch.on(VIEW) as watcher:
        pass
    watch.told(as_(JobState.RUNNING))
    assert not watcher.has_news
