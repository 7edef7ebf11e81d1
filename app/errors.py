"""The tree of errors that callers may see; each carries its HTTP status and its stable name.

::

    FluxgateError
    ├── InvalidJson 400            the body is not JSON that every parser reads alike
    ├── BodyMustBeObject 422
    ├── InvalidInput 422           field by field, in fal's list shape
    ├── Unauthorized 401
    ├── BudgetExceeded 402         the reservation would pass a limit of money or pictures; nothing was sent
    ├── ModelNotAllowed 403
    ├── Forbidden 403              this credential may not do this at all
    ├── NotFound 404
    ├── ModelNotFound 404          OpenAI's word for a model that is not served here
    ├── MethodNotAllowed 405
    ├── Gone 410                   it was here, and is kept no longer
    ├── RequestInProgress 400      the result was asked for too early
    ├── TargetRefused 412          the proxy was told an address that is not fal's, or is not served here
    ├── Conflict 409               the name is taken, or the thing is not in a state for this
    ├── PayloadTooLarge 413
    ├── UnsupportedMediaType 415
    ├── IdempotencyMismatch 422    the same key came with another body before
    ├── RateLimited 429
    ├── TooManyInFlight 429
    ├── TooManyWaiting 429         as many callers wait within requests; nothing was recorded
    ├── InvalidCursor 400
    ├── BadRequest 400
    ├── ResultExpired 410          the job's result is not kept any more
    ├── ClientCancelled 499        the result of a job that was cancelled
    ├── RequestTimeout 504         the caller's time is up; the job goes on, or was stopped before it began
    ├── SubmitUnknown 502          the job may or may not have been accepted
    ├── UpstreamUnavailable 503    nothing was sent, or nothing was accepted
    ├── UpstreamError 502          the upstream's answer is not its protocol
    ├── StorageUnavailable 503     the job could not be recorded; nothing was sent
    ├── VaultUnavailable 503       the store of pictures does not answer
    └── InternalError 500          our own fault, logged with a traceback
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final


class FluxgateError(Exception):
    """The root of all errors that are answered to a caller.

    `detail` is one sentence for the caller; `retry_after_seconds` becomes the `Retry-After` header;
    `job_id` is the job that the error is about, where there is one; `facts` are further members of the
    body for programs, `headers` further headers of the answer.
    """

    status: ClassVar[int] = 500
    error_type: ClassVar[str] = "internal_error"

    def __init__(
        self,
        detail: str,
        *,
        retry_after_seconds: int | None = None,
        job_id: str | None = None,
        facts: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds
        self.job_id = job_id
        self.facts = dict(facts or {})
        self.headers = dict(headers or {})


class BadRequest(FluxgateError):
    """The request does not make sense as it stands."""

    status = 400
    error_type = "bad_request"


class InvalidJson(FluxgateError):
    """The body is not JSON, or JSON that two parsers would read differently."""

    status = 400
    error_type = "invalid_json"


class BodyMustBeObject(FluxgateError):
    """The body is JSON, but not an object."""

    status = 422
    error_type = "body_must_be_object"


class InvalidInput(FluxgateError):
    """Some fields are wrong; `problems` names each in fal's shape: loc, msg, type, input, url."""

    status = 422
    error_type = "invalid_input"

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        super().__init__("; ".join(str(problem["msg"]) for problem in problems))
        self.problems = problems


class Unauthorized(FluxgateError):
    """The credential is missing, malformed, unknown, revoked or expired."""

    status = 401
    error_type = "unauthorized"


class BudgetExceeded(FluxgateError):
    """The highest price that the job can cost is more than what is left; nothing was sent."""

    status = 402
    error_type = "budget_exceeded"


class Forbidden(FluxgateError):
    """The credential is good, but not for this."""

    status = 403
    error_type = "forbidden"


class ModelNotAllowed(FluxgateError):
    """This credential, or this gateway, does not serve this model."""

    status = 403
    error_type = "model_not_allowed"


class NotFound(FluxgateError):
    """There is nothing here, or it belongs to another team: the same bytes."""

    status = 404
    error_type = "not_found"


class ModelNotFound(FluxgateError):
    """No model of this id is served here; OpenAI's clients expect 404 where fal's routes say 403."""

    status = 404
    error_type = "model_not_found"


class MethodNotAllowed(FluxgateError):
    """The path exists, but not with this method."""

    status = 405
    error_type = "method_not_allowed"


class Gone(FluxgateError):
    """It was here once, and is not kept any longer."""

    status = 410
    error_type = "gone"


class RequestInProgress(FluxgateError):
    """The result was asked for before there is one."""

    status = 400
    error_type = "request_in_progress"


class Conflict(FluxgateError):
    """What is asked for does not fit what is there."""

    status = 409
    error_type = "conflict"


class TargetRefused(FluxgateError):
    """The address that the proxy was told is not one of fal's, or nothing stands behind it here."""

    status = 412
    error_type = "target_refused"


class PayloadTooLarge(FluxgateError):
    """The body or a header is larger than this gateway takes."""

    status = 413
    error_type = "payload_too_large"


class UnsupportedMediaType(FluxgateError):
    """The body is, or is declared as, something of a kind that is not taken here."""

    status = 415
    error_type = "unsupported_media_type"


class IdempotencyMismatch(FluxgateError):
    """This team used the same idempotency key for another request within the last day."""

    status = 422
    error_type = "idempotency_mismatch"


class RateLimited(FluxgateError):
    """More submits within a minute than the key or its team may send; nothing was recorded."""

    status = 429
    error_type = "rate_limited"


class TooManyInFlight(FluxgateError):
    """As many jobs are under way as the key or its team may have; nothing was recorded."""

    status = 429
    error_type = "too_many_in_flight"


class TooManyWaiting(FluxgateError):
    """As many requests wait for an answer as one credential may have open; nothing was recorded."""

    status = 429
    error_type = "too_many_waiting"


class InvalidCursor(FluxgateError):
    """The cursor is not one that this listing gave, or it was given for other filters."""

    status = 400
    error_type = "invalid_cursor"


class ResultExpired(FluxgateError):
    """The job has ended, and its result was there for as long as its team keeps results."""

    status = 410
    error_type = "result_expired"


class ClientCancelled(FluxgateError):
    """The result of a job that was cancelled."""

    status = 499
    error_type = "client_cancelled"


class RequestTimeout(FluxgateError):
    """The caller waits no longer for a job, which goes on or was stopped before it began."""

    status = 504
    error_type = "request_timeout"


class SubmitUnknown(FluxgateError):
    """The upstream may or may not have accepted the job; it was not sent twice."""

    status = 502
    error_type = "submit_unknown"


class UpstreamUnavailable(FluxgateError):
    """Nothing was sent, or nothing was accepted; trying again later is safe."""

    status = 503
    error_type = "upstream_unavailable"


class UpstreamError(FluxgateError):
    """The upstream answered with something that is not its protocol."""

    status = 502
    error_type = "upstream_error"


class StorageUnavailable(FluxgateError):
    """PostgreSQL cannot record or read the job; nothing was sent."""

    status = 503
    error_type = "storage_unavailable"


class VaultUnavailable(FluxgateError):
    """The store of pictures, a directory or a bucket, does not answer."""

    status = 503
    error_type = "vault_unavailable"


class InternalError(FluxgateError):
    """The gateway itself failed; the log has the traceback under the request's id."""

    status = 500
    error_type = "internal_error"

    def __init__(self, detail: str = "The gateway failed at this request; its log knows why.") -> None:
        super().__init__(detail)


# In place of a result for jobs that ended without an answer of a model, by the name that is stored with them.
ENDINGS: Final[Mapping[str, type[FluxgateError]]] = MappingProxyType(
    {
        error.error_type: error
        for error in (ClientCancelled, SubmitUnknown, UpstreamError, UpstreamUnavailable)
    }
)


class StartupError(Exception):
    """The gateway cannot start; the message is one line for the operator."""
