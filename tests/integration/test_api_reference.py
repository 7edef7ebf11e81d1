"""The OpenAPI document tells what the routes do, and its page shows it without asking anybody else."""

import re
from typing import Any

import pytest

from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.operators import Operator, operator_of

Schema = dict[str, Any]
PAGE_BYTES = 300_000
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document(gateway: Gateway) -> Schema:
    answer = gateway.get("/openapi.json")
    assert answer.status_code == 200
    told: Schema = answer.json()
    return told


@pytest.fixture
def operator(gateway: Gateway) -> Operator:
    return operator_of(gateway)


def operations(document: Schema) -> list[tuple[str, str, Schema]]:
    return [
        (method, path, told) for path, all_of in document["paths"].items() for method, told in all_of.items()
    ]


def fields_of(document: Schema, schema: Schema) -> dict[str, Schema]:
    """The fields of a schema that are always there, with what they are."""
    if "$ref" in schema:
        return fields_of(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    found: dict[str, Schema] = {}
    for part in schema.get("allOf", []):
        found |= fields_of(document, part)
    return found | {name: schema["properties"][name] for name in schema.get("required", [])}


def answer_of(document: Schema, method: str, path: str, status: int = 200) -> Schema:
    content = document["paths"][path][method]["responses"][str(status)]["content"]
    schema: Schema = content["application/json"]["schema"]
    return schema


def is_as_told(document: Schema, schema: Schema, value: Any) -> None:
    """Every field that is told is there, and every one that is there is told."""
    fields = fields_of(document, schema)
    if not fields:
        return
    assert value.keys() == fields.keys(), "tell of it in app/dialects/openapi/shapes.py"
    for name, told in fields.items():
        if told.get("type") == "array":
            for item in value[name]:
                is_as_told(document, told["items"], item)


def test_every_operation_is_told_in_full(document: Schema) -> None:
    for method, path, told in operations(document):
        assert method in METHODS
        assert told["summary"], path
        assert told["security"] is not None
        named = {parameter["name"] for parameter in told["parameters"] if parameter["in"] == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", path))
        assert all(parameter["description"] for parameter in told["parameters"]), path
        assert "default" in told["responses"]
    ids = [told["operationId"] for _, _, told in operations(document)]
    assert len(ids) == len(set(ids))


def test_every_shape_that_is_named_is_there(document: Schema) -> None:
    named = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert named <= document["components"]["schemas"].keys()
    assert "/api/fal/proxy" in document["paths"]


def test_answers_to_callers_are_as_told(
    document: Schema, gateway: Gateway, caller: Caller, prompt: str
) -> None:
    submitted = caller.submit(prompt, seed=3)
    is_as_told(document, answer_of(document, "post", "/fal-ai/{model}"), submitted.json())
    job_id = submitted.json()["request_id"]
    caller.wait(job_id)
    gateway.database.wait(job_id, "succeeded")
    status = answer_of(document, "get", "/fal-ai/{app}/requests/{request_id}/status")
    is_as_told(document, status, caller.status(job_id).json())
    for path in ("/api/jobs", "/api/jobs/{job_id}", "/api/me", "/v1/models", "/api/deliveries"):
        answer = caller.get(path.replace("{job_id}", job_id))
        is_as_told(document, answer_of(document, "get", path), answer.json())
    usage = caller.get("/api/usage").json()
    lines = [{name: line[name] for name in line if name != "day"} for line in usage.pop("items")]
    line = {"$ref": "#/components/schemas/UsageLine"}
    for one in (*lines, usage["totals"]):
        is_as_told(document, line, one)
    minted = caller.post("/api/tokens", json=_example(document, "/api/tokens"))
    is_as_told(document, answer_of(document, "post", "/api/tokens", 201), minted.json())


def test_answers_to_operators_are_as_told(document: Schema, operator: Operator) -> None:
    with operator:
        team = operator.team(**{**_example(document, "/api/admin/teams"), "name": "told team"})
        is_as_told(document, answer_of(document, "post", "/api/admin/teams", 201), team)
        key = operator.key("told team", requests_per_minute=60)
        is_as_told(document, answer_of(document, "post", "/api/admin/keys", 201), key)
        for path in ("/teams", "/keys", "/audit", "/audit/verify", "/unknown", "/jobs"):
            answer = operator.get(path)
            assert answer.status_code == 200
            is_as_told(document, answer_of(document, "get", f"/api/admin{path}"), answer.json())
        rotated = operator.post(f"/keys/{key['id']}/rotate", json={"grace_seconds": 60})
        is_as_told(document, answer_of(document, "post", "/api/admin/keys/{id}/rotate"), rotated.json())


def _example(document: Schema, path: str) -> Schema:
    content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    example: Schema = content["example"]
    return example


def test_the_page_shows_every_operation(document: Schema, gateway: Gateway) -> None:
    text = gateway.get("/docs").text
    for method, path, told in operations(document):
        assert f'id="{told["operationId"]}"' in text
        assert f'aria-label="Example of {method.upper()} {path}"' in text
    assert f"{gateway.address}/fal-ai/flux-1/dev" in text
    assert "-H &#34;Authorization: Bearer $FLUXGATE_KEY&#34;" in text
    links = set(re.findall(r'href="#([^"]+)"', text))
    assert links <= set(re.findall(r'id="([^"]+)"', text)) | {"content"}


def test_the_page_asks_nobody_else(gateway: Gateway) -> None:
    answer = gateway.get("/docs")
    assert answer.status_code == 200
    assert len(answer.content) < PAGE_BYTES
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    fetched = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
    assert [one for one in fetched if not one.startswith(("/", "#"))] == []
    assert not re.search(r"<script(?![^>]*src=)|style=|\son\w+=", answer.text)
    assert gateway.get("/docs/oauth2-redirect").status_code == 404
