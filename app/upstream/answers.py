"""What the upstream's answers mean, by evidence. Pure; `docs/decisions/0006` has the classification."""

import re
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from app.upstream.headers import retry_after_seconds, to_caller
from app.upstream.transport import Answer

# An id goes back into a path, so it has to be one harmless segment.
UPSTREAM_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.:-]{0,127}")

INPUT_REFUSALS = frozenset({400, 404, 413, 415, 422})
CREDENTIAL_REFUSALS = frozenset({401, 402, 403})
NOT_NOW = frozenset({408, 425, 429})
IN_PROGRESS_WORDS: Final = b"still in progress"
LONGEST_NOTE = 200


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What a model, or the upstream for it, answered; the headers are those that callers may see."""

    status_code: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """The upstream has the job and told its id."""

    upstream_id: str
    queue_position: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The upstream looked at the input and will never take it."""

    answer: ModelAnswer


@dataclass(frozen=True, slots=True)
class RefusesUs:
    """The upstream does not accept our key, our balance or our way of asking."""

    note: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """Nothing was accepted; the same request may be sent later."""

    note: str
    retry_after_seconds: float | None


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The upstream may have accepted the job; sending it again could pay twice."""

    note: str


SubmitAnswer = Accepted | Refused | RefusesUs | NotNow | Ambiguous


@dataclass(frozen=True, slots=True)
class Pending:
    """The job is not complete; `is_running` tells whether it has begun."""

    is_running: bool
    queue_position: int | None = None
    logs: bytes | None = None


@dataclass(frozen=True, slots=True)
class Complete:
    """The job has ended upstream; only the result tells how well."""

    logs: bytes | None = None
    metrics: bytes | None = None
    inference_seconds: float | None = None
    error: str | None = None
    error_type: str | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The result: the model's own answer, good or bad."""

    answer: ModelAnswer


@dataclass(frozen=True, slots=True)
class Missing:
    """404: no such job, or no such route."""


@dataclass(frozen=True, slots=True)
class Later:
    """This look told nothing; the next one may.

    Attributes:
        note: why, for people.
        answer: what stands in place of a result, which may be the model's own failure.
        is_odd: whether it was an answer, but none of the upstream's protocol.
    """

    note: str
    retry_after_seconds: float | None = None
    answer: ModelAnswer | None = field(default=None, repr=False)
    is_odd: bool = False


StatusAnswer = Pending | Complete | Missing | Later
ResultAnswer = Finished | Pending | Missing | Later


def read_submit(answer: Answer) -> SubmitAnswer:
    """What the answer to a submit proves."""
    code = answer.status_code
    if code in CREDENTIAL_REFUSALS:
        return RefusesUs(f"the upstream answered {code} to our credential")
    if code in NOT_NOW:
        return NotNow(f"the upstream answered {code}", retry_after_seconds(answer.headers))
    if code in INPUT_REFUSALS:
        return Refused(model_answer(answer))
    if 400 <= code < 500:
        return RefusesUs(f"the upstream answered {code}")
    found = _json_object(answer.body) if 200 <= code < 300 else {}
    upstream_id = found.get("request_id")
    if isinstance(upstream_id, str) and UPSTREAM_ID.fullmatch(upstream_id):
        return Accepted(upstream_id, _position(found))
    return Ambiguous(f"the upstream answered {code} without a usable request id")


def read_status(answer: Answer) -> StatusAnswer:
    """What the answer to a status request says."""
    code = answer.status_code
    if code == 404:
        return Missing()
    if code not in (200, 202):
        return _later(answer)
    found = _json_object(answer.body)
    match found.get("status"):
        case "IN_QUEUE":
            return Pending(is_running=False, queue_position=_position(found), logs=_json_of(found, "logs"))
        case "IN_PROGRESS":
            return Pending(is_running=True, logs=_json_of(found, "logs"))
        case "COMPLETED":
            return _complete(found)
        case word:
            return Later(f"the upstream gave an unknown status: {_said(word)[:40]}", is_odd=True)


def read_result(answer: Answer) -> ResultAnswer:
    """What the answer to a result request says; QuickRouter may tell the status here."""
    code = answer.status_code
    if code == 404:
        return Missing()
    if code == 202 or (code == 400 and IN_PROGRESS_WORDS in answer.body):
        return Pending(is_running=_json_object(answer.body).get("status") == "IN_PROGRESS")
    if code in NOT_NOW or code in CREDENTIAL_REFUSALS or 300 <= code < 400:
        return _later(answer)
    if code >= 500:
        return Later(
            f"the upstream answered {code}", retry_after_seconds(answer.headers), model_answer(answer)
        )
    if code != 200:
        return Finished(model_answer(answer))
    found = _json_object(answer.body)
    if not found:
        return Later("the upstream gave a result that is not a JSON object", is_odd=True)
    if found.get("status") in ("IN_QUEUE", "IN_PROGRESS") and "images" not in found:
        return Pending(is_running=found["status"] == "IN_PROGRESS", queue_position=_position(found))
    return Finished(model_answer(answer))


def read_cancel(answer: Answer) -> str:
    """Fal's word for what became of a cancellation, or an empty text when it said none."""
    word = _json_object(answer.body).get("status")
    if word in ("OK", "CANCELLATION_REQUESTED", "ALREADY_COMPLETED", "NOT_FOUND"):
        return str(word)
    return ""


def model_answer(answer: Answer) -> ModelAnswer:
    """The part of an answer that is kept and passed on."""
    return ModelAnswer(answer.status_code, to_caller(answer.headers.multi_items()), answer.body)


def failure_of(answer: ModelAnswer) -> tuple[str, str]:
    """One sentence and one stable name for a model's failure, from fal's shapes or the status code."""
    detail = _json_object(answer.body)
    first = detail.get("detail")
    error_type = detail.get("error_type") or answer.headers.get("x-fal-error-type")
    if isinstance(first, list) and first and isinstance(first[0], dict):
        error_type = error_type or first[0].get("type")
        first = first[0].get("msg")
    message = first if isinstance(first, str) else f"Invalid status code: {answer.status_code}"
    return _said(message), _said(error_type or "upstream_failure")


def _complete(found: dict[str, Any]) -> Complete:
    metrics = found.get("metrics")
    seconds = metrics.get("inference_time") if isinstance(metrics, dict) else None
    error, error_type = found.get("error"), found.get("error_type")
    return Complete(
        logs=_json_of(found, "logs"),
        metrics=_json_of(found, "metrics"),
        inference_seconds=float(seconds) if isinstance(seconds, int | float) else None,
        error=_said(error) if error else None,
        error_type=_said(error_type) if error_type else None,
    )


def _later(answer: Answer) -> Later:
    code = answer.status_code
    is_odd = 300 <= code < 400
    return Later(f"the upstream answered {code}", retry_after_seconds(answer.headers), is_odd=is_odd)


def _said(value: object) -> str:
    """The upstream's own words, as far as they are kept; PostgreSQL's text takes every character but NUL."""
    return str(value)[:LONGEST_NOTE].replace("\0", "\N{REPLACEMENT CHARACTER}")


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _json_of(found: dict[str, Any], name: str) -> bytes | None:
    """Kept with the job in memory, so it is copied: what orjson returns holds on to its buffer of 4 kB."""
    value = found.get(name)
    return bytes(memoryview(orjson.dumps(value))) if value else None


def _position(found: dict[str, Any]) -> int | None:
    position = found.get("queue_position")
    return position if isinstance(position, int) and 0 <= position < 2**31 else None
