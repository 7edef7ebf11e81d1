"""An OpenAPI document in the words of a page."""

from typing import Any

import pytest

from app.console.api_words import Word, operations_by_tag, shapes_in, type_words

DOCUMENT: dict[str, Any] = {
    "paths": {
        "/things/{id}": {
            "post": {
                "tags": ["things"],
                "operationId": "one",
                "summary": "One",
                "description": "",
                "security": [{"key": []}, {"browserToken": []}],
                "parameters": [
                    {
                        "name": "id",
                        "in": "path",
                        "description": "Which.",
                        "required": True,
                        "schema": {"type": "string"},
                    },
                ],
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/Thing"},
                            "example": {"name": "x"},
                        }
                    }
                },
                "responses": {
                    "200": {"content": {"image/*": {"schema": {"type": "string"}}}},
                    "default": {"content": {"application/json": {"schema": {}}}},
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Thing": {
                "properties": {"name": {"type": "string", "default": "a"}, "size": {"type": "integer"}},
                "required": ["size"],
            },
            "Larger": {
                "allOf": [
                    {"$ref": "#/components/schemas/Thing"},
                    {"description": "More.", "properties": {"more": {}}, "required": ["more"]},
                ]
            },
        }
    },
}


@pytest.mark.parametrize(
    ("schema", "read"),
    [
        ({"$ref": "#/components/schemas/Job"}, "Job"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Job"}}, "list of Job"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"type": "integer", "minimum": 1, "maximum": 4}, "integer from 1 to 4"),
        ({"type": "integer", "minimum": 0}, "integer from 0 on"),
        ({"type": ["string", "number", "null"]}, "string or number or null"),
        ({"enum": ["a", "b"], "type": "string"}, "`a`, `b`"),
        ({"const": "a"}, "`a`"),
        ({"type": "string", "format": "uuid"}, "string, uuid"),
        ({}, "anything"),
    ],
)
def test_a_type_is_read_aloud(schema: dict[str, Any], read: str) -> None:
    assert "".join(word.text for word in type_words(schema)) == read


def test_a_shape_is_linked_to() -> None:
    assert type_words({"$ref": "#/components/schemas/Job"}) == [Word("Job", "Job")]


def test_an_operation_has_an_example_that_can_be_typed() -> None:
    [operation] = operations_by_tag(DOCUMENT, "http://gate")["things"]
    assert operation.credential == "a key or a browser token"
    assert [answer.status for answer in operation.answers] == ["200", "otherwise"]
    assert operation.example.split(" \\\n  ") == [
        'curl -X POST "http://gate/things/$ID"',
        '-H "Authorization: Bearer $FLUXGATE_KEY"',
        '-H "Content-Type: application/json"',
        """-d '{"name": "x"}'""",
    ]


def test_a_shape_has_the_fields_of_those_it_is_made_of() -> None:
    larger, thing = shapes_in(DOCUMENT)
    assert [(field.name, field.is_required) for field in larger.fields] == [
        ("name", False),
        ("size", True),
        ("more", True),
    ]
    assert larger.meaning == "More."
    assert thing.fields[0].meaning == 'Default: "a".'
