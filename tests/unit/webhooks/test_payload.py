"""What a webhook says, to the byte."""

from typing import Any
from uuid import UUID

import orjson
import pytest

from app.webhooks.payload import NOT_JSON, EndedJob, webhook_body

JOB_ID = UUID("0199d5b0-0000-7000-8000-000000000001")
HEAD = b'{"request_id":"%s","gateway_request_id":"%s",' % ((str(JOB_ID).encode(),) * 2)


def ended(status_code: int | None, body: bytes | None, **more: Any) -> EndedJob:
    return EndedJob(job_id=JOB_ID, status_code=status_code, body=body, **more)


@pytest.mark.parametrize(
    "answer",
    [
        b'{"images":[],"seed":196619188014358660123456789}',
        b'{"a": 1.10, "b":\n[1e2]}',
        b"[]",
        b'"text"',
        b"null",
    ],
)
def test_a_model_s_answer_is_passed_on_digit_by_digit(answer: bytes) -> None:
    assert webhook_body(ended(200, answer)) == HEAD + b'"status":"OK","payload":' + answer + b"}"


def test_a_failure_carries_the_model_s_own_words() -> None:
    answer = b'{"detail":[{"loc":["body","prompt"],"msg":"no","type":"missing","url":"x"}]}'
    expected = HEAD + b'"status":"ERROR","error":"Invalid status code: 422","payload":' + answer + b"}"
    assert webhook_body(ended(422, answer)) == expected


@pytest.mark.parametrize(
    ("body"), [b"", b"<html>", b'{"a":NaN}', b'{"a":', b"\xff", b'\xef\xbb\xbf{"a":1}', b"\x89PNG"]
)
@pytest.mark.parametrize(("status_code", "word"), [(200, "OK"), (500, "ERROR")])
def test_what_is_not_json_is_told_as_such(status_code: int, word: str, body: bytes) -> None:
    told = orjson.loads(webhook_body(ended(status_code, body)))
    assert (told["status"], told["payload"], told["payload_error"]) == (word, None, NOT_JSON)


@pytest.mark.parametrize(
    ("error_type", "status_code", "shown"),
    [
        ("client_cancelled", 499, "client_cancelled"),
        ("submit_unknown", 502, "submit_unknown"),
        ("upstream_unavailable", 503, "upstream_unavailable"),
        ("upstream_error", 502, "upstream_error"),
        ("a_word_of_the_upstream", 502, "upstream_error"),
        (None, 502, "upstream_error"),
    ],
)
def test_a_job_without_an_answer_is_told_as_its_result_would_be(
    error_type: str, status_code: int, shown: str
) -> None:
    told = orjson.loads(webhook_body(ended(None, None, error="It ended.", error_type=error_type)))
    assert (told["status"], told["error"]) == ("ERROR", f"Invalid status code: {status_code}")
    assert told["payload"] == {"detail": "It ended.", "error_type": shown}
