"""A job belongs to one team; to all others it is not there."""

from uuid import uuid4

import httpx
import pytest

from tests.support.caller import Caller
from tests.support.gateway import Gateway, make_keys

DIFFERENT_EACH_TIME = {"date", "x-request-id", "x-fal-request-id"}


def shown(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    headers = [pair for pair in answer.headers.multi_items() if pair[0] not in DIFFERENT_EACH_TIME]
    return answer.status_code, answer.content, headers


@pytest.mark.parametrize("state", ["", "[slow 60]", "[fail 422]"])
def test_another_teams_job_answers_the_same_bytes_as_no_job(
    caller: Caller, gateway: Gateway, prompt: str, state: str
) -> None:
    job_id, nobodys = caller.job(f"{prompt} {state}"), str(uuid4())
    if state != "[slow 60]":
        caller.wait(job_id)
    with gateway.caller() as stranger:
        for ask in (stranger.status, stranger.result, stranger.cancel):
            assert shown(ask(job_id)) == shown(ask(nobodys))
            assert ask(job_id).status_code == 404
    assert caller.status(job_id).status_code in (200, 202)


def test_a_strangers_cancellation_changes_nothing(caller: Caller, gateway: Gateway, prompt: str) -> None:
    job_id = caller.job(f"{prompt} [slow 60]")
    with gateway.caller() as stranger:
        assert stranger.cancel(job_id).status_code == 404
    assert gateway.database.job(job_id)["cancel_requested_at"] is None


def test_all_keys_of_a_team_see_its_jobs(gateway: Gateway, prompt: str) -> None:
    mine, colleagues = make_keys(gateway.database, 2)
    with gateway.caller(mine) as caller, gateway.caller(colleagues) as colleague:
        job_id = caller.job(prompt)
        colleague.wait(job_id)
        assert colleague.result(job_id).json()["prompt"] == prompt


@pytest.mark.parametrize(
    "form",
    [str.upper, lambda job_id: job_id.replace("-", ""), lambda job_id: f"{{{job_id}}}", lambda i: f"{i} "],
)
def test_an_id_is_known_in_one_way_of_writing_only(caller: Caller, prompt: str, form: object) -> None:
    assert callable(form)
    job_id = caller.job(prompt)
    assert caller.status(form(job_id)).status_code == 404
