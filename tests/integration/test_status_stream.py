"""A job's status as server-sent events: every change, on every process, and nobody polls for a listener."""

from contextlib import ExitStack
from itertools import pairwise

import pytest

from tests.conftest import StartGateway, StartSimulator
from tests.support.caller import Caller
from tests.support.events import status_events
from tests.support.gateway import Gateway
from tests.support.waiting import until


def test_every_change_is_one_event_and_the_last_is_the_end(caller: Caller, prompt: str) -> None:
    job_id = caller.job(f"{prompt} [queue 3] [slow 6]")
    with status_events(caller, job_id, logs=1) as events:
        assert events.answer.status_code == 200
        assert events.answer.headers["content-type"].startswith("text/event-stream")
        assert events.answer.headers["x-fal-request-id"] == job_id
        seen = list(events)
    words = [event["status"] for event in seen]
    assert words[0] == "IN_QUEUE"
    assert words[-1] == "COMPLETED"
    assert "IN_PROGRESS" in words
    assert words == sorted(words, key=["IN_QUEUE", "IN_PROGRESS", "COMPLETED"].index)
    assert all(one != other for one, other in pairwise(seen))
    assert all(event["request_id"] == job_id and "logs" in event for event in seen)
    last = caller.status(job_id, logs=1).json()
    assert last["logs"]
    assert [line for event in seen for line in event["logs"] or []] == last["logs"]
    assert {**seen[-1], "logs": last["logs"]} == last


@pytest.mark.parametrize("logs", ["0", "false", None])
def test_logs_come_only_when_they_are_asked_for(caller: Caller, prompt: str, logs: str | None) -> None:
    job_id = caller.job(prompt)
    params = {} if logs is None else {"logs": logs}
    with status_events(caller, job_id, **params) as events:
        assert [event["logs"] for event in events][-1] is None


def test_a_job_that_has_ended_is_one_event(caller: Caller, prompt: str) -> None:
    job_id = caller.job(prompt)
    caller.wait(job_id)
    with status_events(caller, job_id) as events:
        assert [event["status"] for event in events] == ["COMPLETED"]


def test_a_failure_and_a_cancellation_end_the_stream(caller: Caller, prompt: str) -> None:
    failed = caller.job(f"{prompt} [fail 422]")
    with status_events(caller, failed) as events:
        assert list(events)[-1]["error_type"]
    stopped = caller.job(f"{prompt} [queue 60]")
    with status_events(caller, stopped) as events:
        told = iter(events)
        assert next(told)["status"] == "IN_QUEUE"
        assert caller.cancel(stopped).status_code == 200
        assert next(told)["error_type"] == "client_cancelled"
        assert list(told) == []


def test_a_job_that_joined_another_ends_in_its_stream_too(caller: Caller, prompt: str) -> None:
    caller.job(f"{prompt} [slow 6]", seed=7)
    joined = caller.submit(f"{prompt} [slow 6]", seed=7)
    assert joined.headers["x-fluxgate-cache"] == "JOINED"
    with status_events(caller, joined.json()["request_id"]) as events:
        assert list(events)[-1]["status"] == "COMPLETED"


def test_who_has_no_such_job_has_no_stream(caller: Caller, gateway: Gateway, prompt: str) -> None:
    job_id = caller.job(prompt)
    path = "/fal-ai/flux-1/requests/{}/status/stream"
    other = gateway.caller().get(path.format(job_id))
    nobody = gateway.caller().get(path.format("0190a0b0-0000-7000-8000-000000000000"))
    assert (other.status_code, other.content) == (404, nobody.content)


def test_a_comment_is_sent_while_nothing_happens(caller: Caller, prompt: str) -> None:
    job_id = caller.job(f"{prompt} [queue 60]")
    with status_events(caller, job_id) as events:
        lines = events.lines()
        assert next(lines).startswith("data: ")
        assert next(lines).startswith(":")
    caller.cancel(job_id)


def test_a_change_on_another_process_is_told(start_gateway: StartGateway, prompt: str) -> None:
    listening = start_gateway("--no-worker")
    caller = listening.caller()
    start_gateway()
    job_id = caller.job(f"{prompt} [queue 3] [slow 6]")
    with status_events(caller, job_id) as events:
        words = [event["status"] for event in events]
    assert (words[0], words[-1]) == ("IN_QUEUE", "COMPLETED")
    assert "IN_PROGRESS" in words


def test_without_redis_a_change_on_another_process_is_told_too(
    start_gateway: StartGateway, prompt: str
) -> None:
    nowhere = {"redis_url": "redis://127.0.0.1:1"}
    listening = start_gateway("--no-worker", **nowhere)
    caller = listening.caller()
    start_gateway(**nowhere)
    job_id = caller.job(f"{prompt} [slow 1]")
    with status_events(caller, job_id) as events:
        assert [event["status"] for event in events][-1] == "COMPLETED"


def test_a_hundred_listeners_ask_the_upstream_no_more_than_one(
    start_gateway: StartGateway, start_simulator: StartSimulator, prompt: str
) -> None:
    upstream = start_simulator()
    gateway = start_gateway(upstream=upstream)
    caller = gateway.caller()
    slow = f"{prompt} [slow 4]"
    job_id = caller.job(slow)
    with ExitStack() as stack:
        streams = [
            stack.enter_context(status_events(caller_of(stack, gateway, caller.key), job_id))
            for _ in range(100)
        ]
        ends = [list(events)[-1]["status"] for events in streams]
    assert ends == ["COMPLETED"] * 100
    counts = upstream.only(slow)["counts"]
    # In steps of a quarter of its age, or a second where somebody waits; each listener for itself would be
    # hundreds.
    assert counts["status"] + counts["result"] <= 14


def caller_of(stack: ExitStack, gateway: Gateway, key: str) -> Caller:
    return stack.enter_context(Caller(gateway.address, key))


def test_what_happened_before_anybody_listened_is_told_first(
    start_gateway: StartGateway, prompt: str
) -> None:
    """A process believes what it has seen of a job for a while; whoever listens is not told that."""
    gateway = start_gateway("--no-worker")
    caller = gateway.caller()
    other = start_gateway().caller(caller.key)
    job_id = caller.job(f"{prompt} [queue 600]")
    far = "SELECT 1 FROM work WHERE NOT is_leased AND due_at > now() + interval '1.5 s'"
    until(lambda: gateway.database.rows(far))
    until(lambda: caller.word(job_id) == "IN_QUEUE")
    assert other.cancel(job_id).status_code == 200
    with status_events(caller, job_id) as events:
        assert [event["status"] for event in events] == ["COMPLETED"]
