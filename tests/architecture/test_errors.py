"""The errors that callers may see: each with a status, a name, a sentence, and a line in the tree."""

import ast
import importlib
import re
from collections.abc import Iterator, Mapping

import pytest

import app.errors
from app.errors import FluxgateError
from tests.architecture.source import Module, app_modules, dotted, list_of

# The names that the contract fixes, with their statuses; some belong to parts that are still to come.
CONTRACT: Mapping[str, int] = {
    "invalid_json": 400,
    "body_must_be_object": 422,
    "unauthorized": 401,
    "budget_exceeded": 402,
    "model_not_allowed": 403,
    "not_found": 404,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "idempotency_mismatch": 422,
    "rate_limited": 429,
    "too_many_in_flight": 429,
    "upstream_unavailable": 503,
    "storage_unavailable": 503,
    "upstream_error": 502,
    "submit_unknown": 502,
    "client_cancelled": 499,
}
# What the contract leaves to us.
OURS: Mapping[str, int] = {
    "bad_request": 400,
    "conflict": 409,
    "forbidden": 403,
    "gone": 410,
    "internal_error": 500,
    "invalid_cursor": 400,
    "invalid_input": 422,
    "method_not_allowed": 405,
    "model_not_found": 404,
    "request_in_progress": 400,
    "request_timeout": 504,
    "result_expired": 410,
    "target_refused": 412,
    "too_many_waiting": 429,
    "vault_unavailable": 503,
}
TREE_LINE = re.compile(r"^\s*[├└]── (?P<name>\w+) (?P<status>\d{3})\b", re.MULTILINE)


def all_errors() -> list[type[FluxgateError]]:
    for module in app_modules():
        if not module.path.endswith("__main__.py"):
            importlib.import_module(
                module.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            )
    return list(_below(FluxgateError))


def _below(error: type[FluxgateError]) -> Iterator[type[FluxgateError]]:
    for child in error.__subclasses__():
        if child.__module__.startswith("app."):
            yield child
            yield from _below(child)


@pytest.mark.parametrize("error", all_errors())
def test_each_error_says_what_it_is(error: type[FluxgateError]) -> None:
    assert "status" in vars(error), "give it a status of its own"
    assert "error_type" in vars(error), "give it a name of its own"
    assert vars(error).get("__doc__"), "give it a sentence"
    assert {**CONTRACT, **OURS}.get(error.error_type) == error.status, "not what the contract says"


def test_no_two_errors_share_a_name() -> None:
    names = [error.error_type for error in all_errors()]
    assert len(names) == len(set(names))


def test_the_tree_shows_every_error() -> None:
    tree = {match["name"]: int(match["status"]) for match in TREE_LINE.finditer(app.errors.__doc__ or "")}
    real = {error.__name__: error.status for error in all_errors()}
    wrong = [
        f"{name}: the tree says {tree.get(name, 'nothing')}, the code {real.get(name, 'nothing')}"
        for name in sorted({*tree, *real})
        if tree.get(name) != real.get(name)
    ]
    assert not wrong, f"draw the tree at the top of app/errors.py anew:{list_of(wrong)}"


def test_no_error_type_is_written_that_does_not_exist() -> None:
    unknown = [finding for module in app_modules() for finding in unknown_error_types(module)]
    assert not unknown, f"not a name of the contract:{list_of(unknown)}"


@pytest.mark.parametrize(
    "source", ["f(error_type='oops')", "error_type = 'oops'", "ERROR_TYPE: str = 'oops'"]
)
def test_an_unknown_error_type_is_caught(source: str) -> None:
    assert list(unknown_error_types(Module("app/jobs/submit.py", source)))


def unknown_error_types(module: Module) -> Iterator[str]:
    """The simulator speaks fal's own names, so it is left out."""
    if module.path.startswith("app/simulator/"):
        return
    for value in _error_types(module):
        is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
        if is_text and ast.literal_eval(value) not in {**CONTRACT, **OURS}:
            yield module.at(value, f"error_type {ast.literal_eval(value)!r}")


def _error_types(module: Module) -> Iterator[ast.expr]:
    for keyword in module.every(ast.keyword):
        if keyword.arg == "error_type":
            yield keyword.value
    for plain in module.every(ast.Assign):
        if any(_is_error_type(target) for target in plain.targets):
            yield plain.value
    for annotated in module.every(ast.AnnAssign):
        if annotated.value is not None and _is_error_type(annotated.target):
            yield annotated.value


def _is_error_type(target: ast.expr) -> bool:
    return dotted(target).rpartition(".")[2].lower() == "error_type"
