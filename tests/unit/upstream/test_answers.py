import tracemalloc

import httpx
import orjson
import pytest

from app.upstream.answers import (
    Accepted,
    Ambiguous,
    Complete,
    Finished,
    Later,
    Missing,
    ModelAnswer,
    NotNow,
    Pending,
    Refused,
    RefusesUs,
    failure_of,
    read_cancel,
    read_result,
    read_status,
    read_submit,
)
from app.upstream.transport import Answer

ID = "3892f1e8-5fb1-469f-87b0-696d6054c9f2"


def answer(code: int, body: object = b"", **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(code, httpx.Headers(named), content)


@pytest.mark.parametrize("code", [200, 201, 202])
def test_an_id_proves_that_the_job_was_accepted(code: int) -> None:
    assert read_submit(answer(code, {"request_id": ID, "queue_position": 3})) == Accepted(ID, 3)


@pytest.mark.parametrize("code", [400, 404, 413, 415, 422])
def test_a_refusal_of_the_input_is_kept_to_the_byte(code: int) -> None:
    read = read_submit(answer(code, b'{"detail": [ ]}'))
    assert isinstance(read, Refused)
    assert (read.answer.status_code, read.answer.body) == (code, b'{"detail": [ ]}')


@pytest.mark.parametrize("code", [401, 402, 403, 405, 409, 418])
def test_a_refusal_of_us_is_not_the_callers_business(code: int) -> None:
    assert isinstance(read_submit(answer(code, {"detail": "bad key"})), RefusesUs)


@pytest.mark.parametrize("code", [408, 425, 429])
def test_not_now_may_be_sent_again(code: int) -> None:
    read = read_submit(answer(code, retry_after="7"))
    assert isinstance(read, NotNow)
    assert read.retry_after_seconds == 7.0


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, {"request_id": 5}),
        (200, {"request_id": ""}),
        (200, {"request_id": "../../other"}),
        (200, {"request_id": "a/b"}),
        (200, {"request_id": "x" * 129}),
        (204, b""),
        (301, b""),
        (302, {"request_id": ID}),
        (500, {"request_id": ID}),
        (502, b""),
        (503, b""),
        (504, b""),
    ],
)
def test_whatever_may_have_been_accepted_is_ambiguous(code: int, body: object) -> None:
    assert isinstance(read_submit(answer(code, body)), Ambiguous)


@pytest.mark.parametrize(
    ("code", "body", "expected"),
    [
        (202, {"status": "IN_QUEUE", "queue_position": 2}, Pending(is_running=False, queue_position=2)),
        (200, {"status": "IN_QUEUE"}, Pending(is_running=False)),
        (202, {"status": "IN_PROGRESS", "logs": None}, Pending(is_running=True)),
        (
            202,
            {"status": "IN_PROGRESS", "logs": [{"message": "a"}]},
            Pending(is_running=True, logs=b'[{"message":"a"}]'),
        ),
        (200, {"status": "COMPLETED"}, Complete()),
        (
            200,
            {"status": "COMPLETED", "error": "no", "error_type": "t"},
            Complete(error="no", error_type="t"),
        ),
        (
            200,
            {"status": "COMPLETED", "metrics": {"inference_time": 1.5}},
            Complete(metrics=b'{"inference_time":1.5}', inference_seconds=1.5),
        ),
        (404, {"status": "NOT_FOUND"}, Missing()),
    ],
)
def test_a_status_says_how_the_job_stands(code: int, body: object, expected: object) -> None:
    assert read_status(answer(code, body)) == expected


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (200, {"status": "FAILED"}),
        (200, b"<html>"),
        (200, b""),
        (401, b""),
        (429, b""),
        (500, b""),
        (302, b""),
    ],
)
def test_a_status_that_says_nothing_is_asked_for_later(code: int, body: object) -> None:
    assert isinstance(read_status(answer(code, body)), Later)


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (400, {"detail": "Request is still in progress"}),
        (202, b""),
        (202, {"status": "IN_PROGRESS"}),
        (200, {"status": "IN_QUEUE", "queue_position": 1}),
    ],
)
def test_a_result_that_is_not_there_yet_is_pending(code: int, body: object) -> None:
    assert isinstance(read_result(answer(code, body)), Pending)


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (200, {"images": []}),
        (200, {"status": "COMPLETED", "images": [{"url": "x"}]}),
        (400, {"detail": "bad"}),
        (422, {"detail": [{"loc": ["body"], "msg": "m", "type": "t"}]}),
        (499, {"detail": "cancelled"}),
    ],
)
def test_a_result_is_kept_to_the_byte(code: int, body: object) -> None:
    read = read_result(answer(code, body, content_type="application/json", set_cookie="a=b"))
    assert read == Finished(ModelAnswer(code, {"content-type": "application/json"}, orjson.dumps(body)))


@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_a_5xx_in_place_of_a_result_is_kept_but_not_believed_at_once(code: int) -> None:
    read = read_result(answer(code, {"detail": "boom"}))
    assert isinstance(read, Later)
    assert read.answer is not None
    assert read.answer.body == b'{"detail":"boom"}'


@pytest.mark.parametrize(
    ("code", "body"), [(200, b"<html>"), (200, b"[]"), (401, b""), (429, b""), (302, b"")]
)
def test_a_result_that_is_none_is_asked_for_later(code: int, body: bytes) -> None:
    read = read_result(answer(code, body))
    assert isinstance(read, Later)
    assert read.answer is None


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        ({"detail": "boom", "error_type": "runner_server_error"}, {}, ("boom", "runner_server_error")),
        ({"detail": "boom"}, {"x-fal-error-type": "named"}, ("boom", "named")),
        ({"detail": [{"msg": "too long", "type": "string_too_long"}]}, {}, ("too long", "string_too_long")),
        (b"<html>", {}, ("Invalid status code: 500", "upstream_failure")),
    ],
)
def test_a_failure_is_named(body: object, headers: dict[str, str], expected: tuple[str, str]) -> None:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    assert failure_of(ModelAnswer(500, headers, content)) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"status": "OK"}, "OK"),
        ({"status": "CANCELLATION_REQUESTED"}, "CANCELLATION_REQUESTED"),
        (b"?", ""),
        ({}, ""),
    ],
)
def test_a_cancellation_is_answered_in_fals_words(body: object, expected: str) -> None:
    assert read_cancel(answer(200, body)) == expected


def test_what_a_look_saw_takes_no_more_memory_than_its_size() -> None:
    body = orjson.dumps(
        {"status": "COMPLETED", "metrics": {"inference_time": 1.5}, "logs": [{"message": "x"}]}
    )
    status = Answer(200, httpx.Headers(), body)
    tracemalloc.start()
    kept = [read_status(status) for _ in range(200)]
    used_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used_bytes / len(kept) < 600
