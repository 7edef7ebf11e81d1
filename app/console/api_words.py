"""The operations and shapes of an OpenAPI document in the words of a page. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

Schema = Mapping[str, Any]

PATH_FIELD: Final = re.compile(r"\{(\w+)\}")
# What an example says in place of a part of the path; what is not here is left to a variable of the shell.
EXAMPLE_VALUES: Final = MappingProxyType(
    {"app": "flux-1", "model": "flux-1/dev", "model_id": "fal-ai/flux-1/dev"}
)
KEY_VARIABLES: Final = MappingProxyType({"key": "FLUXGATE_KEY", "adminKey": "FLUXGATE_ADMIN_KEY"})
CREDENTIALS: Final = MappingProxyType(
    {"key": "a key", "browserToken": "a browser token", "adminKey": "the admin key"}
)
# First what callers use, last what operators do; others come behind.
TAGS: Final = (
    "fal queue",
    "fal sync",
    "fal storage",
    "fal proxy",
    "images",
    "models",
    "jobs",
    "usage",
    "me",
    "tokens",
    "webhooks",
    "vault",
    "admin",
    "operations",
)
PICTURE: Final = "image/"
NO_CREDENTIAL: Final = "none"


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of a type; `shape` is the name of one of ours that it links to."""

    text: str
    shape: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a shape, or a parameter; `place` is where a parameter stands."""

    name: str
    words: Sequence[Word]
    meaning: str
    is_required: bool
    place: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What is sent or answered: its status, its media type, and its words."""

    status: str
    media_type: str
    words: Sequence[Word]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    credential: str
    parameters: Sequence[Field]
    body: Content | None
    answers: Sequence[Content]
    example: str


@dataclass(frozen=True, slots=True)
class Shape:
    """What something that is sent or answered looks like."""

    name: str
    meaning: str
    fields: Sequence[Field]


def operations_by_tag(document: Mapping[str, Any], address: str) -> dict[str, list[Operation]]:
    """All operations in the order of the document, below the tags that it gives them."""
    groups: dict[str, list[Operation]] = {tag: [] for tag in TAGS}
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            groups.setdefault(told["tags"][0], []).append(_operation(method, path, told, address))
    return {tag: operations for tag, operations in groups.items() if operations}


def shapes_in(document: Mapping[str, Any]) -> list[Shape]:
    """All shapes, by their names."""
    schemas: Mapping[str, Schema] = document["components"]["schemas"]
    return [_shape(name, schemas[name], schemas) for name in sorted(schemas)]


def type_words(schema: Schema) -> list[Word]:
    """A type as it is read aloud: `list of Job`, `integer from 1 to 4 or null`."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return [Word(name, name)]
    if choices := schema.get("anyOf"):
        return _joined([type_words(choice) for choice in choices])
    if "const" in schema:
        return [Word(f"`{schema['const']}`")]
    if values := schema.get("enum"):
        return [Word(", ".join(f"`{value}`" for value in values))]
    if schema.get("type") == "array":
        return [Word("list of "), *type_words(schema.get("items", {}))]
    kinds = schema.get("type", "anything")
    kind = kinds if isinstance(kinds, str) else " or ".join(kinds)
    return [Word(kind + _bounds(schema))]


def _joined(choices: Sequence[Sequence[Word]]) -> list[Word]:
    words = list(choices[0])
    for choice in choices[1:]:
        words += [Word(" or "), *choice]
    return words


def _bounds(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f" from {least} to {most}"
    if least is not None:
        return f" from {least} on"
    return f", {schema['format']}" if "format" in schema else ""


def _operation(method: str, path: str, told: Mapping[str, Any], address: str) -> Operation:
    body = told.get("requestBody")
    return Operation(
        anchor=told["operationId"],
        method=method.upper(),
        path=path,
        summary=told["summary"],
        description=told["description"],
        credential=" or ".join(CREDENTIALS[name] for name in _schemes(told)) or NO_CREDENTIAL,
        parameters=[_parameter(parameter) for parameter in told["parameters"]],
        body=None if body is None else next(_contents("", body)),
        answers=[
            content
            for status, answer in told["responses"].items()
            for content in _contents("otherwise" if status == "default" else status, answer)
        ],
        example=_curl(method, path, told, address),
    )


def _schemes(told: Mapping[str, Any]) -> list[str]:
    return [name for choice in told["security"] for name in choice]


def _parameter(told: Mapping[str, Any]) -> Field:
    return Field(told["name"], type_words(told["schema"]), told["description"], told["required"], told["in"])


def _contents(status: str, told: Mapping[str, Any]) -> Iterator[Content]:
    for media_type, content in told["content"].items():
        yield Content(status, media_type, type_words(content["schema"]))


def _curl(method: str, path: str, told: Mapping[str, Any], address: str) -> str:
    """The call as one types it; keys and ids are left to variables of the shell."""
    here = PATH_FIELD.sub(lambda found: EXAMPLE_VALUES.get(found[1], f"${found[1].upper()}"), path)
    lines = ["curl" if method == "get" else f"curl -X {method.upper()}"]
    lines[0] += f' "{address}{here}"'
    schemes = _schemes(told)
    if schemes:
        lines.append(f'-H "Authorization: Bearer ${KEY_VARIABLES[schemes[0]]}"')
    lines += [
        f'-H "{parameter["name"]}: https://queue.fal.run/fal-ai/flux-1/dev"'
        for parameter in told["parameters"]
        if parameter["in"] == "header" and parameter["required"]
    ]
    return " \\\n  ".join([*lines, *_data(told.get("requestBody"))])


def _data(body: Mapping[str, Any] | None) -> Iterator[str]:
    for media_type, content in (body or {}).get("content", {}).items():
        if media_type.startswith(PICTURE):
            yield '-H "Content-Type: image/png"'
            yield "--data-binary @picture.png"
        else:
            yield f'-H "Content-Type: {media_type}"'
            yield f"-d '{json.dumps(content.get('example', {}))}'"


def _shape(name: str, schema: Schema, schemas: Mapping[str, Schema]) -> Shape:
    return Shape(name, _meaning(schema), list(_fields(schema, schemas)))


def _meaning(schema: Schema) -> str:
    own = [part.get("description", "") for part in schema.get("allOf", [])]
    return " ".join(" ".join([schema.get("description", ""), *own]).split())


def _fields(schema: Schema, schemas: Mapping[str, Schema]) -> Iterator[Field]:
    for part in schema.get("allOf", []):
        whole = schemas[str(part["$ref"]).rpartition("/")[2]] if "$ref" in part else part
        yield from _fields(whole, schemas)
    required = schema.get("required", [])
    for name, told in schema.get("properties", {}).items():
        meaning = told.get("description", "")
        if told.get("default") is not None:
            meaning = f"{meaning} Default: {json.dumps(told['default'])}.".strip()
        yield Field(name, type_words(told), meaning, name in required)
