"""What is wrong with an input, field by field, in the list shape that fal answers with."""

import json
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

PROBLEMS_LIMIT: Final = 20
SHOWN_CHARACTERS: Final = 200


def list_problems(error: ValidationError) -> list[dict[str, Any]]:
    """Turns pydantic's errors into fal's list; what the caller sent is shortened, never echoed whole."""
    return [_problem(details) for details in error.errors()[:PROBLEMS_LIMIT]]


def _problem(details: ErrorDetails) -> dict[str, Any]:
    problem = {
        "loc": ["body", *details["loc"]],
        "msg": details["msg"],
        "type": details["type"],
        "input": shorten(details["input"]),
        "url": details.get("url", f"https://docs.fal.ai/errors#{details['type']}"),
    }
    if context := details.get("ctx"):
        problem["ctx"] = context
    return problem


def shorten(given: object) -> object:
    """The value itself when its JSON is short, otherwise the start of its text."""
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    if len(text) <= SHOWN_CHARACTERS:
        return given
    return text[: SHOWN_CHARACTERS - 1] + "…"
