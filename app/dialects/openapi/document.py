"""The OpenAPI document: what the framework finds, with what it cannot see."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import FastAPI

from app.dialects.openapi.operations import EXTRA, INSTEAD_OF, JSON, OPERATIONS, PATH_WORDS, Credential, Told
from app.dialects.openapi.shapes import EXAMPLES, input_names, shapes
from app.dialects.openapi.words import SCHEMAS, parameter, schema_of

Document = dict[str, Any]

INPUT_OF_ANY: Final = "model"
PATH_FIELD: Final = re.compile(r"\{(\w+)\}")
SECURITY: Final[Mapping[Credential, list[dict[str, list[str]]]]] = {
    Credential.NONE: [],
    Credential.CALLER: [{"key": []}, {"browserToken": []}],
    Credential.KEY: [{"key": []}],
    Credential.ADMIN: [{"adminKey": []}],
}
SCHEMES: Final = {
    "key": "A team's key. fal's own word is taken as well: `Authorization: Key …`.",
    "browserToken": "A token of `POST /api/tokens`, for an hour at most.",
    "adminKey": "The admin key.",
}


def install(app: FastAPI) -> None:
    """Has the application tell this document; it is made when somebody first asks for it."""
    as_found = app.openapi

    def document() -> Document:
        if app.openapi_schema is None:
            app.openapi_schema = told(as_found())
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # the framework's own way to change it


def told(found: Document) -> Document:
    """The document that the framework made, completed. Pure."""
    paths: dict[str, dict[str, Any]] = {}
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            if (method, path) not in INSTEAD_OF:
                paths.setdefault(path, {})[method] = _completed(method, path, operation)
    # A worker of its own answers nothing but the operators' few.
    takes_jobs = any(path in found["paths"] for _, path in INSTEAD_OF)
    for (method, path), (tag, words, extra) in EXTRA.items() if takes_jobs else ():
        operation = {"tags": [tag], "description": words, "operationId": _id_of(method, path)}
        paths.setdefault(path, {})[method] = _operation(path, operation, extra)
    schemes = {
        name: {"type": "http", "scheme": "bearer", "description": words} for name, words in SCHEMES.items()
    }
    return {**found, "paths": paths, "components": {"schemas": shapes(), "securitySchemes": schemes}}


def _completed(method: str, path: str, operation: Document) -> Document:
    """What we know of it; of an operation that nobody has described yet, what the path tells."""
    known = OPERATIONS.get((method, path), Told("any"))
    return _operation(path, operation, known)


def _operation(path: str, operation: Document, known: Told) -> Document:
    summary, _, rest = operation["description"].partition("\n\n")
    answer = {"description": "As asked for.", **_content(known.answer)}
    told_of = {
        **operation,
        "summary": " ".join(summary.split()).rstrip("."),
        "description": " ".join(rest.split()),
        "parameters": [*_path_parameters(path), *known.parameters],
        "security": SECURITY[known.credential],
        "responses": {
            **{str(status): answer for status in (known.status, *known.also)},
            "default": _error_of(path),
        },
    }
    if known.body is not None:
        told_of["requestBody"] = {"required": True, **_content(known.body)}
    return told_of


def _path_parameters(path: str) -> list[Document]:
    names = PATH_FIELD.findall(path)
    words = ((name, *PATH_WORDS.get(name, ("text", "As the path has it."))) for name in names)
    return [parameter("path", name, meaning, word) for name, word, meaning in words]


def _content(name: str) -> Document:
    """A shape by its name as JSON, the input of any model, or what is not JSON by its media type."""
    if name == INPUT_OF_ANY:
        choices = [{"$ref": SCHEMAS + one} for one in input_names()]
        return {"content": {JSON: {"schema": {"anyOf": choices}, "example": EXAMPLES[name]}}}
    if "/" in name:
        return {"content": {name: {"schema": {"type": "string", "format": "binary"}}}}
    example = {"example": EXAMPLES[name]} if name in EXAMPLES else {}
    return {"content": {JSON: {"schema": schema_of(name), **example}}}


def _error_of(path: str) -> Document:
    family: Callable[[tuple[str, ...]], bool] = path.startswith
    if family(("/fal-ai/", "/run/", "/storage/", "/files/")):
        name, media_type = "FalError", JSON
    elif family(("/v1/",)):
        name, media_type = "OpenAIError", JSON
    else:
        name, media_type = "Problem", "application/problem+json"
    return {"description": "Why not.", "content": {media_type: {"schema": schema_of(name)}}}


def _id_of(method: str, path: str) -> str:
    return f"{re.sub(r'[^a-z0-9]+', '_', path.lower()).strip('_')}_{method}"
