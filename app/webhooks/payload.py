"""What a webhook says about a job that has ended: fal's body, to the field. Pure."""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson

from app.errors import ENDINGS, UpstreamError

NOT_JSON: Final = (
    "Response payload is not JSON serializable. Use the queue endpoint to retrieve the response."
)


@dataclass(frozen=True, slots=True)
class EndedJob:
    """How a job ended.

    Attributes:
        status_code: of the model's answer; None where there is none.
        body: the model's answer to the byte.
        made_by: the job that made the pictures, where that is another one.
        rewrites_urls: whether the vault's links stand in place of the upstream's.
        error: one sentence, and `error_type` its stable name, of a job that ended without an answer.
    """

    job_id: UUID
    status_code: int | None
    body: bytes | None = field(repr=False)
    error: str | None = None
    error_type: str | None = None
    made_by: UUID | None = None
    rewrites_urls: bool = False


def webhook_body(job: EndedJob) -> bytes:
    """The body. The model's answer is in it as it came, digit by digit.

    It is the same for every try, but that links of the vault are fresh in each.
    """
    status_code, payload = _answer(job)
    body: dict[str, Any] = {"request_id": str(job.job_id), "gateway_request_id": str(job.job_id)}
    if 200 <= status_code < 300:
        body["status"] = "OK"
    else:
        body |= {"status": "ERROR", "error": f"Invalid status code: {status_code}"}
    body["payload"] = None if payload is None else orjson.Fragment(payload)
    if payload is None:
        body["payload_error"] = NOT_JSON
    return orjson.dumps(body)


def _answer(job: EndedJob) -> tuple[int, bytes | None]:
    """The status and the JSON that a caller who asks for the result is given; None where it is not JSON."""
    if job.status_code is None or job.body is None:
        ending = ENDINGS.get(job.error_type or "", UpstreamError)
        detail = {"detail": job.error or "The job ended without a result.", "error_type": ending.error_type}
        return ending.status, orjson.dumps(detail)
    return job.status_code, job.body if _is_json(job.body) else None


def _is_json(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True
