"""The words that a field takes, where it takes only some."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from app.catalogue.model import ModelInput
from app.catalogue.sizes import SizeName

SIZE_FIELD = "image_size"


def words_of(fields: type[ModelInput], name: str) -> tuple[str, ...]:
    """The words of a field, in the order of its documentation; none where it takes other values too."""
    if name == SIZE_FIELD:
        return get_args(SizeName)
    return tuple(_words(fields.model_fields[name].annotation))


def _words(annotation: Any) -> Iterator[str]:  # noqa: ANN401 # what is written behind a field's colon has no type
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
        return
    for part in get_args(annotation):
        yield from _words(part)
