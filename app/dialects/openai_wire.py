"""OpenAI's images and errors as they look on the wire. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import orjson

from app.dialects.openai_size import OPENAI_NAMES
from app.errors import FluxgateError, InternalError, InvalidInput, UpstreamUnavailable
from app.jobs.job import JobView
from app.upstream.answer_pictures import answer_object, pictures_of, url_of
from app.upstream.answers import ModelAnswer, failure_of

# OpenAI's clients send a request again after a 5xx, a 408, a 409 and a 429, but not when they read this.
NOT_AGAIN: Final[Mapping[str, str]] = MappingProxyType({"x-should-retry": "false"})

_TIMESTAMP_SHIFT: Final = 80
# How files begin once they are written in Base64.
_BASE64_STARTS: Final[Mapping[str, str]] = MappingProxyType(
    {"iVBORw0KGgo": "png", "/9j/": "jpeg", "UklGR": "webp", "R0lGOD": "gif"}
)


def created_at(job_id: str) -> int:
    """When a job was recorded, in seconds since 1970: its id begins with that moment in milliseconds."""
    return (UUID(job_id).int >> _TIMESTAMP_SHIFT) // 1000


def picture_urls(answer: ModelAnswer) -> list[str]:
    """The addresses of a model's pictures, in its order: web addresses or data URIs."""
    pictures = pictures_of(answer_object(answer.body)) or ()
    return [url for url in map(url_of, pictures) if url is not None]


def images_body(job_id: str, form: str, pictures: Sequence[str]) -> bytes:
    """The answer of OpenAI's images: `form` is `url` or `b64_json`."""
    return orjson.dumps({"created": created_at(job_id), "data": [{form: picture} for picture in pictures]})


def completed_body(job_id: str, picture: str) -> bytes:
    """The event about a picture that is there; what OpenAI's models tell beside it is not known here."""
    formats = (name for start, name in _BASE64_STARTS.items() if picture.startswith(start))
    told = {"type": "image_generation.completed", "b64_json": picture, "created_at": created_at(job_id)}
    unknown = {"background": "auto", "quality": "auto", "size": "auto", "usage": None}
    return orjson.dumps({**told, "output_format": next(formats, None), **unknown})


def error_body(status: int, message: str, *, code: str, param: str | None = None) -> bytes:
    """An error as OpenAI's clients show it: they raise with the message, and keep code and param."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return orjson.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})


def body_of(error: FluxgateError) -> bytes:
    """One of our own errors in OpenAI's shape."""
    problems = error.problems if isinstance(error, InvalidInput) else []
    message = _message_of(problems) if problems else error.detail
    return error_body(error.status, message, code=error.error_type, param=_param_of(problems))


def retry_headers(error: FluxgateError) -> Mapping[str, str]:
    """What keeps clients from sending again what may have been paid for already.

    An error with a job is one after the job was handed over, but for an upstream that did not take it. After
    a fault of ours nobody knows.
    """
    may_be_paid = error.job_id is not None and not isinstance(error, UpstreamUnavailable)
    return NOT_AGAIN if may_be_paid or isinstance(error, InternalError) else {}


def failure_body(view: JobView, answer: ModelAnswer) -> bytes:
    """What the model, or the upstream for it, answered in place of pictures."""
    message, error_type = failure_of(answer)
    found = answer_object(answer.body)
    detail, theirs = found.get("detail"), found.get("error")
    if isinstance(theirs, dict) and isinstance(theirs.get("message"), str):
        # So speak resellers that stand on one of the well-known relays.
        message = theirs["message"]
    problems = (
        [problem for problem in detail if isinstance(problem, dict)] if isinstance(detail, list) else []
    )
    return error_body(
        answer.status_code,
        _message_of(problems) if problems else message,
        code=view.error_type or error_type,
        param=_param_of(problems),
    )


def _message_of(problems: Iterable[Mapping[str, Any]]) -> str:
    return "; ".join(_sentence(problem) for problem in problems)


def _sentence(problem: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in _place(problem))
    message = str(problem.get("msg", "is wrong"))
    return f"{place}: {message}" if place else message


def _param_of(problems: Sequence[Mapping[str, Any]]) -> str | None:
    place = _place(problems[0]) if problems else []
    return OPENAI_NAMES.get(str(place[0]), str(place[0])) if place else None


def _place(problem: Mapping[str, Any]) -> list[Any]:
    """The path of a field within the body, or the name of a parameter."""
    loc = problem.get("loc")
    return loc[1:] if isinstance(loc, list) else []
