"""fal's queue as it looks on the wire: addresses, the eight fields, status, result. Pure."""

from dataclasses import dataclass
from typing import Any

import orjson

from app.catalogue.lookup import app_id_of
from app.errors import ENDINGS, FluxgateError, NotFound, RequestInProgress, ResultExpired, UpstreamError
from app.jobs.job import JobView
from app.jobs.read import not_found
from app.jobs.states import QueueStatus, shown_as

ANY_APP = "auto"
NAMESPACE = "fal-ai"


@dataclass(frozen=True, slots=True)
class JobPath:
    """A path below `/fal-ai/` that names a job: which app, which job, and what of it."""

    app: str
    job_id: str
    what: str


def parse_job_path(path: str) -> JobPath:
    """Splits `{app}/requests/{id}[/…]`.

    Raises:
        NotFound: the path is not of that form.
    """
    app, separator, rest = path.partition("/requests/")
    job_id, _, what = rest.partition("/")
    if not separator or not app or not job_id:
        raise NotFound("There is nothing at this address.")
    return JobPath(app, job_id, what)


def names_app_of(path: JobPath, view: JobView) -> bool:
    """Whether the app in the path is the job's: its short or its full model id, or `auto`."""
    if path.app == ANY_APP:
        return True
    named = f"{NAMESPACE}/{path.app}"
    return named in (view.model_id, app_id_of(view.model_id))


def submit_body(view: JobView, public_url: str) -> bytes:
    """The eight fields of the QuickRouter page, of a job that is in the queue whatever became of it since."""
    answer: dict[str, Any] = {"status": QueueStatus.IN_QUEUE, "logs": None, "metrics": {}}
    return orjson.dumps(_addresses(view, public_url) | answer | {"queue_position": view.queue_position or 0})


def status_body(view: JobView, public_url: str, *, with_logs: bool) -> bytes:
    """A status, with the keys without which fal's Python client fails: `queue_position` and `logs`."""
    body = _addresses(view, public_url) | _standing(view, with_logs=with_logs)
    if view.error_type is not None and view.is_final:
        body |= {"error": view.error, "error_type": view.error_type}
    return orjson.dumps(body)


def status_code(view: JobView) -> int:
    """200 once there is nothing more to wait for, else 202."""
    return 200 if view.is_final else 202


def ending_of(view: JobView) -> FluxgateError:
    """The error in place of a result that is not there."""
    if not view.is_final:
        return RequestInProgress("Request is still in progress", job_id=view.id)
    if view.is_purged and view.error_type not in ENDINGS:
        return ResultExpired("The result of this job is not kept any more.", job_id=view.id)
    error = ENDINGS.get(view.error_type or "", UpstreamError)
    return error(view.error or "The job ended without a result.", job_id=view.id)


def no_such_job() -> NotFound:
    """The one answer for a job that is not there and for one that is somebody else's, with fal's own word."""
    return NotFound(not_found().detail, facts={"status": "NOT_FOUND"})


def _addresses(view: JobView, public_url: str) -> dict[str, Any]:
    job_url = f"{public_url}/{app_id_of(view.model_id)}/requests/{view.id}"
    return {
        "status": shown_as(view.state).value,
        "request_id": view.id,
        "response_url": job_url,
        "status_url": f"{job_url}/status",
        "cancel_url": f"{job_url}/cancel",
    }


def _standing(view: JobView, *, with_logs: bool) -> dict[str, Any]:
    logs = orjson.Fragment(view.logs) if with_logs and view.logs else None
    standing: dict[str, Any] = {"logs": logs, "metrics": orjson.Fragment(view.metrics or b"{}")}
    if shown_as(view.state) is QueueStatus.IN_QUEUE:
        standing["queue_position"] = view.queue_position or 0
    return standing
