"""The form of a model: one field for each parameter, as the catalogue describes it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from app.catalogue.fields import PROMPT_LIMIT
from app.catalogue.model import Model, ModelInput
from app.catalogue.sizes import SIDE_LIMIT, picture_size
from app.catalogue.words import SIZE_FIELD, words_of

Kind = Literal["text", "line", "number", "whole", "size", "choice", "tick", "picture", "pictures", "rows"]

# A slider over more values than this could not be set to any of them.
SLIDER_VALUES: Final = 1_000
FINE_STEP: Final = 0.01
COARSE_STEP: Final = 0.1
FINE_WIDTH: Final = 2

PROMPT: Final = "prompt"
# What the samples show for a field that has to be filled in and is not yet; the prompt is QuickRouter's own.
SAMPLES: Final[Mapping[str, Any]] = {
    PROMPT: (
        "Extreme close-up of a single tiger eye, direct frontal view. Detailed iris and pupil. Sharp focus "
        "on eye texture and color. Natural lighting to capture authentic eye shine and depth. The word "
        '"FLUX" is painted over it in big, white brush strokes with visible texture.'
    ),
    "image_url": "https://example.com/picture.png",
    "image_urls": ["https://example.com/picture.png"],
}


@dataclass(frozen=True, slots=True)
class FormField:
    """A parameter as it stands in the form.

    Attributes:
        kind: how it is filled in.
        words: the values to choose from, each with what is shown for it.
        parts: the fields of one row, where the value is a list of objects.
        pattern: what a line of text has to look like.
    """

    name: str
    kind: Kind
    help: str
    default: Any = None
    is_required: bool = False
    is_whole: bool = False
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    longest: int | None = None
    pattern: str | None = None
    words: tuple[tuple[str, str], ...] = ()
    parts: "tuple[FormField, ...]" = ()

    @property
    def default_json(self) -> str:
        """The default for scripts."""
        return orjson.dumps(self.default).decode()

    @property
    def sample_json(self) -> str | None:
        """What stands for the value in samples while there is none."""
        is_needed = self.is_required and self.name in SAMPLES
        return orjson.dumps(SAMPLES[self.name]).decode() if is_needed else None

    @property
    def hint(self) -> str:
        """Its range and its default in words."""
        return " · ".join(_hints(self))


def fields_of(model: Model) -> tuple[FormField, ...]:
    """All fields of a model, those that it needs first.

    A model that is not listed is known to take a prompt, and no more is known of it.
    """
    if model.input is None:
        return (FormField(PROMPT, "text", "What the picture is to show, in words.", longest=PROMPT_LIMIT),)
    schema = model.input.model_json_schema()
    needed = schema.get("required", [])
    found = (
        _field(model.input, name, _flat(described, schema), is_required=name in needed, schema=schema)
        for name, described in schema["properties"].items()
    )
    return tuple(sorted(found, key=lambda field: not field.is_required))


def _field(
    fields: type[ModelInput],
    name: str,
    described: Mapping[str, Any],
    *,
    is_required: bool,
    schema: Mapping[str, Any],
) -> FormField:
    words = words_of(fields, name)
    kind = _kind(name, described, words)
    row = _flat(described["items"], schema) if kind == "rows" else {}
    needed = row.get("required", [])
    return FormField(
        **_described(name, kind, described),
        is_required=is_required,
        words=tuple(_shown_words(name, words)),
        parts=tuple(
            FormField(
                **_described(part, _kind(part, one, ()), one),
                is_required=part in needed,
            )
            for part, one in row.get("properties", {}).items()
        ),
    )


def _described(name: str, kind: Kind, described: Mapping[str, Any]) -> dict[str, Any]:
    """What the schema says of a field, whatever it is part of."""
    return {
        "name": name,
        "kind": kind,
        "help": described.get("description", ""),
        "default": described.get("default"),
        "is_whole": described.get("type") == "integer",
        "minimum": described.get("minimum"),
        "maximum": described.get("maximum"),
        "step": _step(described) if kind == "number" else None,
        "longest": described.get("maxLength"),
        "pattern": described.get("pattern"),
    }


def _flat(described: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """A description without references and without the null that may stand for no value."""
    found = dict(described)
    if "$ref" in found:
        return dict(schema["$defs"][found["$ref"].rpartition("/")[2]])
    others = [one for one in found.pop("anyOf", []) if one.get("type") != "null"]
    return others[0] | found if len(others) == 1 else found


def _kind(name: str, described: Mapping[str, Any], words: tuple[str, ...]) -> Kind:
    if name == SIZE_FIELD:
        return "size"
    if words:
        return "choice"
    match described.get("type"):
        case "boolean":
            return "tick"
        case "array":
            return "pictures" if described["items"].get("type") == "string" else "rows"
        case "integer" | "number":
            return "number" if _has_slider(described) else "whole"
    if name == "image_url":
        return "picture"
    return "text" if described.get("maxLength") == PROMPT_LIMIT else "line"


def _has_slider(described: Mapping[str, Any]) -> bool:
    lowest, highest = described.get("minimum"), described.get("maximum")
    return lowest is not None and highest is not None and highest - lowest <= SLIDER_VALUES


def _step(described: Mapping[str, Any]) -> float:
    if described["type"] == "integer":
        return 1
    is_narrow = described["maximum"] - described["minimum"] <= FINE_WIDTH
    return FINE_STEP if is_narrow else COARSE_STEP


def _shown_words(name: str, words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for word in words:
        if name == SIZE_FIELD:
            width, height = picture_size(word)
            yield word, f"{word} · {width} × {height}"  # noqa: RUF001 # the sign that sizes are written with
        else:
            yield word, word


def _hints(field: FormField) -> Iterator[str]:
    if field.is_required:
        yield "required"
    if field.kind == "size":
        yield f"or 1 to {SIDE_LIMIT:,} pixels a side"
    elif field.kind == "number":
        yield f"{field.minimum:g} to {field.maximum:g}"
    elif field.kind == "whole":
        yield "any whole number of 64 bits"
        yield "default random"
    elif field.kind == "text" and field.longest:
        yield f"up to {field.longest:,} characters"
    if field.kind == "tick":
        yield f"default {'on' if field.default else 'off'}"
    elif field.default is not None:
        yield f"default {field.default}"
    elif not field.is_required and field.kind not in ("rows", "text", "whole"):
        yield "default: the model's choice"
