"""Turns what a caller sent into what the upstream accepts."""

from typing import Any

from pydantic import ValidationError

from app.catalogue.model import Model, ModelInput
from app.catalogue.problems import list_problems
from app.errors import InvalidInput


def normalise(model: Model, given: dict[str, Any]) -> dict[str, Any]:
    """Checks the input and returns what goes upstream: never a field that the caller did not send.

    Unknown fields pass untouched. A null for a field that may be left out, and a value that means the
    upstream's default, are left out.

    Raises:
        InvalidInput: some fields are wrong, or a required one is missing.
    """
    if model.input is None:
        return given
    asked = _without_nulls(model.input, given) if None in given.values() else given
    try:
        checked = vars(model.input.model_validate(asked))
    except ValidationError as error:
        raise InvalidInput(list_problems(error)) from None
    return {
        name: value
        for name, sent in asked.items()
        if (value := checked.get(name, sent)) is not None or sent is None
    }


def _without_nulls(fields: type[ModelInput], given: dict[str, Any]) -> dict[str, Any]:
    known = fields.model_fields
    return {
        name: value
        for name, value in given.items()
        if value is not None or name not in known or known[name].is_required()
    }
