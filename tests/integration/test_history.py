"""The history of a job is the moves that the table of states allows, from the first to the last."""

from itertools import pairwise
from uuid import UUID

from app.jobs.states import MOVES, TERMINAL, JobState
from tests.conftest import StartGateway
from tests.support.waiting import until

TROUBLES = [
    "",
    "[slow 1]",
    "[queue 2]",
    "[fail 422]",
    "[fail 500]",
    "[submit 422]",
    "[submit 403]",
    "[submit 429 1]",
    "[submit reset]",
    "[submit garbage]",
    "[submit 500]",
    "[status reset 1]",
    "[result 500 1]",
    "[result garbage 1]",
]


def test_the_events_of_every_job_are_allowed_moves_without_a_gap(
    start_gateway: StartGateway, prompt: str
) -> None:
    gateway = start_gateway(unknown_patience_seconds="1")
    caller, database = gateway.caller(), gateway.database
    for trouble in TROUBLES:
        caller.submit(f"{prompt} {trouble}")
    for wish in ("[queue 60]", "[slow 60]", "[slow 2] [stubborn]"):
        caller.cancel(caller.job(f"{prompt} {wish}"))
    until(lambda: database.value("SELECT count(*) FROM work") == 0)

    jobs = database.rows("SELECT id, state, created_at, completed_at FROM jobs")
    assert len(jobs) == len(TROUBLES) + 3
    for job in jobs:
        events = database.rows("SELECT * FROM job_events WHERE job_id = $1 ORDER BY id", job["id"])
        check_chain([(event["from_state"], event["to_state"]) for event in events])
        assert events[-1]["to_state"] == job["state"]
        assert JobState(job["state"]) in TERMINAL
        assert events[0]["at"] == job["created_at"] <= job["completed_at"] == events[-1]["at"]
        assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    ended = {job["state"] for job in jobs}
    assert ended == {"succeeded", "failed", "lost", "cancelled"}


def check_chain(moves: list[tuple[str | None, str]]) -> None:
    assert moves[0] == (None, "submitting")
    assert all(before == came_from for (_, before), (came_from, _) in pairwise(moves))
    assert all(JobState(after) in MOVES[JobState(before)] for before, after in moves[1:] if before)


def test_what_was_asked_for_is_kept_beside_the_job(start_gateway: StartGateway, prompt: str) -> None:
    gateway = start_gateway()
    job_id = gateway.caller().job(prompt, seed=5, output_format="PNG")
    [kept] = gateway.database.rows("SELECT prompt, input FROM job_inputs WHERE job_id = $1", UUID(job_id))
    assert kept["prompt"] == prompt
    assert '"output_format":"png"' in kept["input"]
