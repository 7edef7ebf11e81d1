"""An upstream that is away costs time and no job; one that stays away is said to be away."""

from pathlib import Path

from tests.conftest import StartGateway, StartSimulator
from tests.support.waiting import until

# How many of those that wait are not tried for an hour.
PUT_OFF = """
    WITH put_off AS (
        UPDATE work SET due_at = now() + interval '1 h' WHERE NOT is_leased AND due_at > now() RETURNING 1
    ) SELECT count(*) FROM put_off
"""


def test_a_job_for_an_upstream_that_is_down_waits_and_goes_out_once(
    start_simulator: StartSimulator, start_gateway: StartGateway, prompt: str
) -> None:
    upstream = start_simulator()
    gateway = start_gateway(upstream=upstream)
    caller = gateway.caller()
    upstream.process.kill()
    answer = caller.submit(prompt)
    job_id = answer.json()["request_id"]
    assert (answer.status_code, answer.json()["status"]) == (200, "IN_QUEUE")
    assert len(answer.json()) == 8
    gateway.database.wait(job_id, "accepted")
    again = start_simulator(port=upstream.base_url.port)
    caller.wait(job_id)
    assert caller.result(job_id).json()["prompt"] == prompt
    assert len(again.accepted(prompt)) == 1


def test_a_job_under_way_survives_an_upstream_that_goes_and_comes_back(
    start_simulator: StartSimulator, start_gateway: StartGateway, prompt: str, tmp_path: Path
) -> None:
    journal = tmp_path / "orders.jsonl"
    upstream = start_simulator(journal=journal)
    gateway = start_gateway(upstream=upstream)
    caller = gateway.caller()
    job_id = caller.job(f"{prompt} [slow 8]")
    caller.wait(job_id, "IN_PROGRESS")
    upstream.process.kill()
    until(lambda: gateway.metric('fluxgate_upstream_seconds_count{operation="status",status="fault"}') > 0)
    start_simulator(port=upstream.base_url.port, journal=journal)
    caller.wait(job_id)
    assert caller.result(job_id).status_code == 200


def test_a_job_that_waited_too_long_ends_as_upstream_unavailable(
    start_simulator: StartSimulator, start_gateway: StartGateway, prompt: str
) -> None:
    upstream = start_simulator()
    gateway = start_gateway(upstream=upstream, accepted_patience_seconds="1")
    caller = gateway.caller()
    upstream.process.kill()
    job_id = caller.job(prompt)
    caller.wait(job_id)
    assert gateway.database.history(job_id)[-1] == "failed"
    assert caller.status(job_id).json()["error_type"] == "upstream_unavailable"
    result = caller.result(job_id)
    assert (result.status_code, result.json()["error_type"]) == (503, "upstream_unavailable")


def test_more_jobs_than_may_wait_are_refused(
    start_simulator: StartSimulator, start_gateway: StartGateway, prompt: str
) -> None:
    upstream = start_simulator()
    gateway = start_gateway(upstream=upstream, accepted_backlog_limit="2")
    caller = gateway.caller()
    upstream.process.kill()
    answers = [caller.submit(prompt)]
    for _ in range(2):
        # While one of them is tried once more, another may have its place.
        until(lambda: gateway.database.value(PUT_OFF) == len(answers))
        answers.append(caller.submit(prompt))
    assert [answer.status_code for answer in answers] == [200, 200, 503]
    assert answers[2].json()["error_type"] == "upstream_unavailable"
    assert int(answers[2].headers["retry-after"]) > 0
    again = start_simulator(port=upstream.base_url.port)
    gateway.database.rows("UPDATE work SET due_at = now()")
    for answer in answers[:2]:
        caller.wait(answer.json()["request_id"])
    assert len(again.accepted(prompt)) == 2
