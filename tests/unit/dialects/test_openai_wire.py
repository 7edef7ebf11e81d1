"""How finished jobs and errors look to OpenAI's clients."""

from base64 import b64encode
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from app.dialects import openai_wire
from app.errors import (
    BudgetExceeded,
    FluxgateError,
    InternalError,
    InvalidInput,
    RateLimited,
    RequestTimeout,
    StorageUnavailable,
    SubmitUnknown,
    Unauthorized,
    UpstreamError,
    UpstreamUnavailable,
)
from app.jobs.job import JobView
from app.jobs.states import JobState
from app.upstream.answers import ModelAnswer

JOB_ID = "0190a0b0-0000-7000-8000-000000000000"


def answer(body: object, status_code: int = 200, **headers: str) -> ModelAnswer:
    return ModelAnswer(status_code, headers, body if isinstance(body, bytes) else orjson.dumps(body))


def failed(error_type: str | None = None) -> JobView:
    return JobView(
        id=JOB_ID,
        team_id=uuid4(),
        key_id=uuid4(),
        model_id="fal-ai/flux-1/dev",
        state=JobState.FAILED,
        error_type=error_type,
    )


def test_a_job_was_created_when_its_id_says() -> None:
    assert openai_wire.created_at(JOB_ID) == UUID(JOB_ID).int // 2**80 // 1000 == 1720682807


def test_the_answer_has_a_time_and_the_pictures() -> None:
    body = orjson.loads(openai_wire.images_body(JOB_ID, "url", ["a", "b"]))
    assert body == {"created": 1720682807, "data": [{"url": "a"}, {"url": "b"}]}


@pytest.mark.parametrize(
    ("body", "urls"),
    [
        ({"images": [{"url": "a", "width": 1}, {"url": "b"}], "seed": 2**60}, ["a", "b"]),
        ({"image": {"url": "a"}}, ["a"]),
        ({"images": [], "image": {"url": "a"}}, []),
        ({"images": [{"file": "a"}, None, {"url": 5}, "a"]}, []),
        ({"images": None}, []),
        ({"video": {"url": "a"}}, []),
        (b"[]", []),
        (b"no json", []),
    ],
)
def test_the_pictures_of_an_answer(body: object, urls: list[str]) -> None:
    assert openai_wire.picture_urls(answer(body)) == urls


@pytest.mark.parametrize(
    ("picture", "output_format"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "png"),
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"RIFF\x10\0\0\0WEBP", "webp"),
        (b"GIF89a", "gif"),
        (b"\0\0\0\x20ftypavif", None),
    ],
)
def test_the_event_about_a_picture(picture: bytes, output_format: str | None) -> None:
    encoded = b64encode(picture).decode()
    assert orjson.loads(openai_wire.completed_body(JOB_ID, encoded)) == {
        "type": "image_generation.completed",
        "b64_json": encoded,
        "created_at": 1720682807,
        "output_format": output_format,
        "background": "auto",
        "quality": "auto",
        "size": "auto",
        "usage": None,
    }


def problem(*loc: str | int, msg: str = "is wrong") -> dict[str, Any]:
    return {"loc": ["body", *loc], "msg": msg, "type": "value_error"}


ERRORS: list[tuple[FluxgateError, dict[str, Any]]] = [
    (
        Unauthorized("Send your key."),
        {"message": "Send your key.", "type": "invalid_request_error", "param": None, "code": "unauthorized"},
    ),
    (
        InvalidInput([problem("image_size", "width", msg="Input should be less than or equal to 14142")]),
        {
            "message": "image_size.width: Input should be less than or equal to 14142",
            "type": "invalid_request_error",
            "param": "size",
            "code": "invalid_input",
        },
    ),
    (
        InvalidInput([problem("num_images"), problem("loras", 0, "path")]),
        {
            "message": "num_images: is wrong; loras.0.path: is wrong",
            "type": "invalid_request_error",
            "param": "n",
            "code": "invalid_input",
        },
    ),
    (
        InvalidInput([problem("aspect_ratio")]),
        {
            "message": "aspect_ratio: is wrong",
            "type": "invalid_request_error",
            "param": "size",
            "code": "invalid_input",
        },
    ),
    (
        InvalidInput([{"loc": ["query", "a"], "msg": "is wrong"}]),
        {"message": "a: is wrong", "type": "invalid_request_error", "param": "a", "code": "invalid_input"},
    ),
    (
        UpstreamError("It is gone."),
        {"message": "It is gone.", "type": "server_error", "param": None, "code": "upstream_error"},
    ),
]


@pytest.mark.parametrize(("error", "shown"), ERRORS)
def test_an_error_is_readable(error: FluxgateError, shown: dict[str, Any]) -> None:
    assert orjson.loads(openai_wire.body_of(error)) == {"error": shown}


FAILURES: list[tuple[ModelAnswer, str | None, dict[str, Any]]] = [
    (
        answer({"detail": "The runner failed.", "error_type": "runner_server_error"}, 500),
        "runner_server_error",
        {
            "message": "The runner failed.",
            "type": "server_error",
            "param": None,
            "code": "runner_server_error",
        },
    ),
    (
        answer(
            {
                "detail": [
                    {
                        "loc": ["body", "prompt"],
                        "msg": "The content was flagged by a content checker.",
                        "type": "content_policy_violation",
                    }
                ]
            },
            422,
        ),
        None,
        {
            "message": "prompt: The content was flagged by a content checker.",
            "type": "invalid_request_error",
            "param": "prompt",
            "code": "content_policy_violation",
        },
    ),
    (
        answer({"detail": [{"loc": ["body", "image_size"], "msg": "too large"}, {"msg": 5}, None]}, 422),
        "image_too_large",
        {
            "message": "image_size: too large; 5",
            "type": "invalid_request_error",
            "param": "size",
            "code": "image_too_large",
        },
    ),
    (
        answer({"error": {"message": "The channel is down.", "type": "new_api_error"}}, 503),
        None,
        {
            "message": "The channel is down.",
            "type": "server_error",
            "param": None,
            "code": "upstream_failure",
        },
    ),
    (
        answer(b"<html>", 404),
        None,
        {
            "message": "Invalid status code: 404",
            "type": "invalid_request_error",
            "param": None,
            "code": "upstream_failure",
        },
    ),
    (
        answer({"detail": {"loc": "x"}}, 400),
        None,
        {
            "message": "Invalid status code: 400",
            "type": "invalid_request_error",
            "param": None,
            "code": "upstream_failure",
        },
    ),
    (
        answer({"detail": [{"loc": "body", "msg": "x"}, {"loc": ["body"]}]}, 422),
        None,
        {
            "message": "x; is wrong",
            "type": "invalid_request_error",
            "param": None,
            "code": "upstream_failure",
        },
    ),
]


@pytest.mark.parametrize(("given", "error_type", "shown"), FAILURES)
def test_a_models_failure_is_readable(
    given: ModelAnswer, error_type: str | None, shown: dict[str, Any]
) -> None:
    assert orjson.loads(openai_wire.failure_body(failed(error_type), given)) == {"error": shown}


@pytest.mark.parametrize(
    ("error", "may_be_paid"),
    [
        (RateLimited("", retry_after_seconds=1), False),
        (BudgetExceeded(""), False),
        (StorageUnavailable(""), False),
        (UpstreamUnavailable("", job_id=JOB_ID, retry_after_seconds=30), False),
        (SubmitUnknown("", job_id=JOB_ID), True),
        (UpstreamError("", job_id=JOB_ID), True),
        (RequestTimeout("", job_id=JOB_ID), True),
        (InternalError(), True),
    ],
)
def test_what_may_have_been_paid_for_is_not_sent_again(error: FluxgateError, may_be_paid: bool) -> None:
    assert openai_wire.retry_headers(error) == ({"x-should-retry": "false"} if may_be_paid else {})
