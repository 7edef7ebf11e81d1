"""Reading what a caller sent: a body that is an object, and headers that are safe to remember."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import orjson
from pydantic import ValidationError
from pydantic_core import InitErrorDetails
from starlette.responses import Response

from app.simulator.answers import answer

SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})


def read_object(text: bytes) -> dict[str, Any]:
    """The body as an object.

    Raises:
        ValidationError: the body is something else; an error of the same kind as a wrong field.
    """
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _body_error(
            InitErrorDetails(type="json_invalid", input={}, ctx={"error": str(error)})
        ) from None
    if not isinstance(body, dict):
        raise _body_error(InitErrorDetails(type="dict_type", input=body))
    return body


def invalid_answer(error: ValidationError) -> Response:
    """The answer to a wrong input: every field that is wrong, in fal's list shape."""
    problems = [{**problem, "loc": ["body", *problem["loc"]]} for problem in error.errors()]
    return answer({"detail": problems}, 422, request_id=str(uuid4()))


def open_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers without those that hold credentials."""
    return {name: value for name, value in headers.items() if name not in SECRET_HEADERS}


def _body_error(problem: InitErrorDetails) -> ValidationError:
    return ValidationError.from_exception_data("body", [problem])
