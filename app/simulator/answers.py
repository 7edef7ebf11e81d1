"""The answers of the protocol: status bodies, results, refusals; nothing here changes anything."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
from starlette.responses import Response

from app.simulator.lanes import Job

FAILURES = {
    400: ("bad_request", "The request is malformed."),
    500: ("runner_server_error", "The runner failed while it made the image."),
    502: ("runner_incomplete_response", "The runner closed the connection in the middle of its response."),
    503: ("runner_disconnected", "The runner disconnected while it made the image."),
    504: ("request_timeout", "The request did not finish in time."),
}
POLICY_STATUS = 422
LONGEST_INPUT = 200
REFUSALS = {
    401: ("unauthorized", "Cannot authenticate: invalid key."),
    402: ("payment_required", "The balance is exhausted."),
    403: ("forbidden", "This key may not use this application."),
    404: ("not_found", "Application not found."),
    429: ("concurrent_requests_limit", "Too many requests at once."),
}


def answer(body: object, status: int = 200, *, request_id: str, **headers: str) -> Response:
    """A JSON answer with `x-fal-request-id`; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(
        orjson.dumps(body),
        status,
        headers={"x-fal-request-id": request_id, **named},
        media_type="application/json",
    )


def refusal(status: int, *, profile: str, detail: str = "", retry_after: str | None = None) -> Response:
    """A refusal in the shape of the profile: fal's flat one, or the one of QuickRouter's kind of server."""
    name, text = REFUSALS.get(status, ("internal_error", "Internal server error."))
    request_id = str(uuid4())
    headers = {"retry_after": retry_after} if retry_after else {}
    if profile == "quickrouter":
        message = f"{detail or text} (request id: {request_id})"
        error = {"message": message, "type": "new_api_error", "param": "", "code": name}
        return answer({"error": error}, status, request_id=request_id, **headers)
    return answer(
        {"detail": detail or text, "error_type": name},
        status,
        request_id=request_id,
        x_fal_error_type=name,
        **headers,
    )


def not_found(job_id: str) -> Response:
    """The answer about a job that is not there."""
    return answer({"status": "NOT_FOUND"}, 404, request_id=job_id)


def failure(job: Job) -> tuple[int, str, object] | None:
    """How a completed job failed: status, error type and detail; None is success."""
    if job.cancelled_at is not None:
        return 499, "client_cancelled", "The request was cancelled."
    if job.unreadable is not None:
        return _download_failure(job.unreadable)
    status = job.order.directives.fail
    if status is None:
        return None
    if status == POLICY_STATUS:
        policy = {
            "loc": ["body", "prompt"],
            "msg": "The content could not be processed because it was flagged by a content checker.",
            "type": "content_policy_violation",
            "url": "https://docs.fal.ai/errors#content_policy_violation",
            "input": job.order.asked.prompt,
        }
        return status, "content_policy_violation", [policy]
    return (status, *FAILURES.get(status, FAILURES[500]))


def _download_failure(address: str) -> tuple[int, str, object]:
    problem = {
        "loc": ["body", "image_url"],
        "msg": "Failed to download the file. Please check that the URL is correct and publicly accessible.",
        "type": "file_download_error",
        "url": "https://docs.fal.ai/errors#file_download_error",
        "input": address[:LONGEST_INPUT],
    }
    return 422, "file_download_error", [problem]


def status_body(job: Job, *, now: float, position: int, logs: bool, urls: dict[str, str]) -> dict[str, Any]:
    """The status of a job, as its polling and its stream show it."""
    state = job.state(now)
    body: dict[str, Any] = {"status": state, "request_id": job.id, **urls}
    if state == "IN_QUEUE":
        return {**body, "queue_position": position}
    body["logs"] = _logs(job, now) if logs else None
    if state == "IN_PROGRESS":
        return body
    body["metrics"] = {} if job.started_at is None else {"inference_time": _seconds_run(job)}
    failed = failure(job)
    if failed is not None:
        status, name, detail = failed
        text = detail if isinstance(detail, str) else f"Invalid status code: {status}"
        body |= {"error": text, "error_type": name}
    return body


def result_failure(job: Job, failed: tuple[int, str, object]) -> Response:
    """The result of a job that did not succeed: the status and the body that its model returned."""
    status, name, detail = failed
    body = failure_body(failed)
    if not isinstance(detail, str):
        billed = {"x_fal_billable_units": job.order.billable_units} if job.order.directives.billed else {}
        return answer(body, status, request_id=job.id, **billed)
    return answer(body, status, request_id=job.id, x_fal_error_type=name)


def failure_body(failed: tuple[int, str, object]) -> dict[str, object]:
    """What a model that failed says: fal's list of problems, or its flat shape."""
    _, name, detail = failed
    return {"detail": detail, "error_type": name} if isinstance(detail, str) else {"detail": detail}


def result_success(job: Job, image_urls: list[str]) -> Response:
    """The result of a job that succeeded."""
    body = output_of(job, image_urls)
    return answer(body, request_id=job.id, x_fal_billable_units=job.order.billable_units)


def output_of(job: Job, image_urls: list[str]) -> dict[str, Any]:
    """The output of the model."""
    asked, order = job.order.asked, job.order
    width, height = asked.pixels
    images = [
        {
            "url": url,
            "width": width,
            "height": height,
            "content_type": f"image/{asked.output_format}",
            "file_name": f"{number}.{asked.output_format}",
        }
        for number, url in enumerate(image_urls)
    ]
    body: dict[str, Any] = {
        "images": images,
        "timings": {"inference": _seconds_run(job)},
        "seed": order.seed,
        "has_nsfw_concepts": [order.directives.nsfw] * len(images),
        "prompt": asked.prompt,
    }
    if order.directives.huge:
        body["padding"] = "x" * round(order.directives.huge * 1_000_000)
    return body


def _seconds_run(job: Job) -> float:
    if job.started_at is None or job.ends_at is None:
        return 0.0
    return round((job.cancelled_at or job.ends_at) - job.started_at, 6)


def _logs(job: Job, now: float) -> list[dict[str, str]]:
    if job.started_at is None:
        return []
    steps = job.order.asked.num_inference_steps or job.order.asked.default_steps
    until = min(now, job.cancelled_at or now)
    lines = [(0.0, f"Loading {job.order.model}")]
    lines += [(part / 4, f"{steps * part // 4}/{steps} steps") for part in range(1, 5)]
    moments = [(job.started_at + share * job.run_seconds, text) for share, text in lines]
    return [
        {
            "message": text,
            "timestamp": datetime.fromtimestamp(moment, UTC).isoformat(),
            "level": "INFO",
            "source": "USER",
        }
        for moment, text in moments
        if moment <= until
    ]
