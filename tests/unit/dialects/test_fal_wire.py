from dataclasses import replace
from uuid import uuid4

import orjson
import pytest

from app.dialects import fal_wire
from app.dialects.fal_wire import JobPath, parse_job_path
from app.errors import NotFound
from app.jobs.job import JobView
from app.jobs.states import TERMINAL, JobState

URL = "https://gateway.example"
VIEW = JobView(
    id=str(uuid4()), team_id=uuid4(), key_id=uuid4(), model_id="fal-ai/flux-1/dev", state=JobState.QUEUED
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("flux-1/requests/x", JobPath("flux-1", "x", "")),
        ("flux-1/requests/x/status", JobPath("flux-1", "x", "status")),
        ("flux-1/dev/requests/x/response", JobPath("flux-1/dev", "x", "response")),
        ("auto/requests/x/status/stream", JobPath("auto", "x", "status/stream")),
    ],
)
def test_a_job_path_is_split(path: str, expected: JobPath) -> None:
    assert parse_job_path(path) == expected


@pytest.mark.parametrize(
    "path", ["", "flux-1", "flux-1/requests", "flux-1/requests/", "/requests/x", "requests/x"]
)
def test_other_paths_are_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        parse_job_path(path)


@pytest.mark.parametrize(
    ("app", "is_named"),
    [
        ("auto", True),
        ("flux-1", True),
        ("flux-1/dev", True),
        ("flux-1/schnell", False),
        ("flux", False),
        ("*", False),
    ],
)
def test_the_app_of_the_path_has_to_be_the_jobs(app: str, is_named: bool) -> None:  # a column
    assert fal_wire.names_app_of(JobPath(app, VIEW.id, ""), VIEW) == is_named


def test_a_submit_is_answered_with_the_eight_fields_of_the_page() -> None:
    job_url = f"{URL}/fal-ai/flux-1/requests/{VIEW.id}"
    assert orjson.loads(fal_wire.submit_body(VIEW, URL)) == {
        "status": "IN_QUEUE",
        "request_id": VIEW.id,
        "response_url": job_url,
        "status_url": f"{job_url}/status",
        "cancel_url": f"{job_url}/cancel",
        "logs": None,
        "metrics": {},
        "queue_position": 0,
    }


@pytest.mark.parametrize("state", JobState)
def test_a_status_has_the_keys_that_fals_python_client_needs(state: JobState) -> None:
    status = orjson.loads(fal_wire.status_body(replace(VIEW, state=state), URL, with_logs=True))
    assert "logs" in status
    assert ("queue_position" in status) == (status["status"] == "IN_QUEUE")


@pytest.mark.parametrize(("with_logs", "expected"), [(True, [{"message": "m"}]), (False, None)])
def test_logs_are_shown_to_those_who_ask(with_logs: bool, expected: object) -> None:  # a column
    view = replace(VIEW, state=JobState.RUNNING, logs=b'[{"message":"m"}]')
    assert orjson.loads(fal_wire.status_body(view, URL, with_logs=with_logs))["logs"] == expected


def test_a_job_that_failed_says_so_in_its_status_and_one_under_way_does_not() -> None:
    failed = replace(VIEW, state=JobState.FAILED, error="boom", error_type="x")
    assert orjson.loads(fal_wire.status_body(failed, URL, with_logs=False))["error_type"] == "x"
    waiting = replace(failed, state=JobState.ACCEPTED)
    assert "error_type" not in orjson.loads(fal_wire.status_body(waiting, URL, with_logs=False))


@pytest.mark.parametrize("state", JobState)
def test_only_an_ended_job_has_status_200(state: JobState) -> None:
    assert fal_wire.status_code(replace(VIEW, state=state)) == (200 if state in TERMINAL else 202)


@pytest.mark.parametrize(
    ("state", "error_type", "status", "name"),
    [
        (JobState.RUNNING, None, 400, "request_in_progress"),
        (JobState.CANCELLED, "client_cancelled", 499, "client_cancelled"),
        (JobState.LOST, "submit_unknown", 502, "submit_unknown"),
        (JobState.EXPIRED, "upstream_error", 502, "upstream_error"),
        (JobState.FAILED, "upstream_unavailable", 503, "upstream_unavailable"),
    ],
)
def test_what_stands_in_place_of_a_result(
    state: JobState, error_type: str | None, status: int, name: str
) -> None:
    error = fal_wire.ending_of(replace(VIEW, state=state, error="why", error_type=error_type))
    assert (error.status, error.error_type, error.job_id) == (status, name, VIEW.id)


@pytest.mark.parametrize(
    ("error_type", "status"),
    [(None, 410), ("content_policy_violation", 410), ("client_cancelled", 499), ("submit_unknown", 502)],
)
def test_a_result_that_is_not_kept_any_more_has_gone_unless_there_never_was_one(
    error_type: str | None, status: int
) -> None:
    ended = replace(VIEW, state=JobState.FAILED, error="words", error_type=error_type)
    assert fal_wire.ending_of(ended.without_payload).status == status
