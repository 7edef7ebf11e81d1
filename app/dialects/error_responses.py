"""Every error in the shape that callers of its route understand: fal's, OpenAI's, or problem details."""

from http import HTTPStatus

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from app.dialects import openai_wire
from app.errors import (
    BadRequest,
    FluxgateError,
    InvalidInput,
    MethodNotAllowed,
    NotFound,
    RequestInProgress,
)
from app.operations.request_scope import FAL_ROUTES

OPENAI_ROUTES = ("/v1/",)
PROBLEM_TYPE = "application/problem+json"
JSON_TYPE = "application/json"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
STILL_IN_PROGRESS = b'{"detail":"Request is still in progress"}'


def install(app: FastAPI) -> None:
    """Makes the application answer all errors through its own `state.render_error`."""
    app.add_exception_handler(FluxgateError, _on_ours)
    app.add_exception_handler(HTTPException, _on_framework)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(Exception, _on_fault)


def render_error(request: Request, error: FluxgateError) -> Response:
    """The answer to an error, in the shape of the route's family."""
    headers = {"cache-control": "no-store", **error.headers}
    if error.retry_after_seconds is not None:
        headers["retry-after"] = str(error.retry_after_seconds)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    if error.job_id is not None:
        headers["x-fal-request-id"] = error.job_id
    path = request.scope["path"]
    if path.startswith(FAL_ROUTES):
        return _fal(error, headers)
    if path.startswith(OPENAI_ROUTES):
        return _openai(error, headers)
    return _problem(error, headers)


def _fal(error: FluxgateError, headers: dict[str, str]) -> Response:
    """Fal's shapes: a list for invalid input, else a flat object whose name is in a header too."""
    if isinstance(error, InvalidInput):
        return Response(orjson.dumps({"detail": error.problems}), error.status, headers, JSON_TYPE)
    if isinstance(error, RequestInProgress):
        # Clients compare this answer as a whole, word for word.
        return Response(STILL_IN_PROGRESS, error.status, headers, JSON_TYPE)
    headers["x-fal-error-type"] = error.error_type
    body = {"detail": error.detail, "error_type": error.error_type, **error.facts}
    return Response(orjson.dumps(body), error.status, headers, JSON_TYPE)


def _openai(error: FluxgateError, headers: dict[str, str]) -> Response:
    headers.update(openai_wire.retry_headers(error))
    return Response(openai_wire.body_of(error), error.status, headers, JSON_TYPE)


def _problem(error: FluxgateError, headers: dict[str, str]) -> Response:
    """RFC 9457."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
        "error_type": error.error_type,
        **error.facts,
    }
    if isinstance(error, InvalidInput):
        body["errors"] = error.problems
    return Response(orjson.dumps(body), error.status, headers, PROBLEM_TYPE)


async def _on_fault(_request: Request, error: Exception) -> Response:
    """Leaves a fault of ours to the layer around the framework, which itself would answer plain text."""
    raise error


def _rendered(request: Request, error: FluxgateError) -> Response:
    answer = request.app.state.render_error(request, error)
    assert isinstance(answer, Response)  # noqa: S101 # the framework's state is untyped
    return answer


async def _on_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, FluxgateError)  # noqa: S101 # the framework's handlers are typed too widely
    return _rendered(request, error)


async def _on_framework(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.BAD_REQUEST
    if status == HTTPStatus.NOT_FOUND:
        return _rendered(request, NotFound("There is nothing at this address."))
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = {"allow": ", ".join(_allowed_methods(request))}
        return _rendered(
            request, MethodNotAllowed("This address does not take this method.", headers=allowed)
        )
    return _rendered(request, BadRequest("The request cannot be understood."))


def _allowed_methods(request: Request) -> list[str]:
    """Those that some route takes for this path; the framework names those of the first route alone."""
    return [
        method
        for method in METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 # the framework's handlers are typed too widely
    problems = [{"loc": list(one["loc"]), "msg": one["msg"], "type": one["type"]} for one in error.errors()]
    return _rendered(request, InvalidInput(problems))
