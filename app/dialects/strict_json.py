"""Reads a request body as one JSON object that every parser reads alike, or says what is wrong and where."""

import json
import math
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NoReturn

from app.errors import BodyMustBeObject, InvalidInput, InvalidJson

DEPTH_LIMIT: Final = 64
VALUES_LIMIT: Final = 100_000
INTEGER_MIN: Final = -(2**63)
INTEGER_MAX: Final = 2**64 - 1
PROBLEMS_LIMIT: Final = 20
SHOWN_CHARACTERS: Final = 200

# Whatever is written with 19 characters at most, sign included, lies within 64 bits.
_SAFE_LENGTH: Final = 19
_LONGEST: Final = 20
# The closing quote is optional and the repeats never give back, so a string that is cut off costs one pass.
_STRING: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_DOUBTFUL_ESCAPE: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")

_ADVICE: Final = (
    ("Expecting property name", "a key in double quotes belongs here, or no comma before it"),
    ("Illegal trailing comma", "remove the comma before the closing bracket"),
    ("Expecting ':'", "a colon belongs between a key and its value"),
    ("Expecting ','", "a comma or the closing bracket belongs here"),
    ("Expecting value", "a string, number, object, array, true, false or null belongs here"),
    ("Unterminated string", "close it with a double quote"),
    ("Invalid control character", "write it as an escape such as \\n"),
    ("Invalid \\escape", 'write a backslash as \\\\ and a quote as \\"'),
    ("Invalid \\uXXXX", "four hexadecimal digits belong behind \\u"),
    ("Extra data", "send exactly one JSON object"),
)

Path = tuple[str | int, ...]


class _Doubt(Exception):
    """The quick reading met something that has to be looked at together with its path."""


class _Members(list[tuple[str, Any]]):
    """An object as its pairs, so that repeated keys are still there."""


class _Integer(str):
    """An integer as it was written, of any length."""

    __slots__ = ()


class _Decimal(str):
    """A number with a fraction or an exponent as it was written."""

    __slots__ = ()


class _Constant(str):
    """NaN, Infinity or -Infinity, which are not JSON."""

    __slots__ = ()


def parse_object(body: bytes) -> dict[str, Any]:
    """Reads one JSON object.

    Raises:
        InvalidJson: the body is not JSON, is too deep or too large, or two parsers would differ on it.
        BodyMustBeObject: it is JSON of another kind.
        InvalidInput: a NUL character or an integer beyond 64 bits, which nothing behind us can keep.
    """
    text = _decode(body)
    _check_size(text)
    try:
        value = _QUICK.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidJson(_sentence(error)) from None
    except _Doubt:
        _refuse_faults(text)
        raise
    if "\\u" in text and _DOUBTFUL_ESCAPE.search(text):
        _refuse_faults(text)
    if type(value) is not dict:
        raise BodyMustBeObject(f"The body is {_kind(value)}; send a JSON object with the model's fields.")
    return value


def _decode(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidJson(f"The body is not valid UTF-8 at byte {error.start}; send JSON in UTF-8.") from None
    if not text or text.isspace():
        raise InvalidJson('The body is empty; send a JSON object such as {"prompt": "a cat"}.')
    if text[0] == "\ufeff":
        raise InvalidJson("The body starts with a byte order mark at byte 0; send UTF-8 without one.")
    return text


def _check_size(text: str) -> None:
    """Refuses what would be slow or impossible to read, before it is read.

    Brackets and commas within strings count as well at first; only a doubtful body is looked at closer.
    """
    openers = text.count("[") + text.count("{")
    # A value takes two characters with its separator, so a short body cannot hold too many.
    few = len(text) <= 2 * VALUES_LIMIT or text.count(",") + openers < VALUES_LIMIT
    if few and openers <= DEPTH_LIMIT:
        return
    skeleton = _STRING.sub("", text).encode()
    brackets = skeleton.translate(None, _NOT_BRACKETS)
    # Each value has at most two brackets, so what lies beyond is too much in any case.
    _check_depth(brackets[: 2 * VALUES_LIMIT])
    values = 1 + skeleton.count(b",") + brackets.count(b"[") + brackets.count(b"{")
    if values > VALUES_LIMIT:
        raise InvalidJson(f"The body holds about {values} values; send at most {VALUES_LIMIT}.")


def _check_depth(brackets: bytes) -> None:
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"[{" else -1
        if depth > DEPTH_LIMIT:
            raise InvalidJson(f"The body nests deeper than {DEPTH_LIMIT} levels; send a flatter object.")


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Doubt
    return members


def _short_integer(digits: str) -> int:
    if len(digits) > _SAFE_LENGTH and not _fits(digits):
        raise _Doubt
    return int(digits)


def _fits(digits: str) -> bool:
    # Python refuses to convert more than 4300 digits, and long before that it is slow.
    return len(digits) <= _LONGEST and INTEGER_MIN <= int(digits) <= INTEGER_MAX


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise _Doubt
    return value


def _no_constant(_name: str) -> NoReturn:
    raise _Doubt


_QUICK: Final = json.JSONDecoder(
    object_pairs_hook=_unique_members,
    parse_int=_short_integer,
    parse_float=_finite,
    parse_constant=_no_constant,
)
_EXACT: Final = json.JSONDecoder(
    object_pairs_hook=_Members, parse_int=_Integer, parse_float=_Decimal, parse_constant=_Constant
)


def _refuse_faults(text: str) -> None:
    """Reads the text again, keeping everything as written, and raises for the faults in it, if any."""
    try:
        value = _EXACT.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidJson(_sentence(error)) from None
    if problems := list(islice(_walk(value, ()), PROBLEMS_LIMIT)):
        raise InvalidInput(problems)


def _walk(value: object, path: Path) -> Iterator[dict[str, Any]]:
    """Yields what is wrong by value; raises for what is wrong as JSON."""
    if isinstance(value, _Members):
        yield from _walk_members(value, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, (*path, index))
    elif isinstance(value, _Constant):
        raise InvalidJson(f"{value} at {_shown(path)} is not JSON; send a finite number or leave it out.")
    elif isinstance(value, _Decimal):
        if math.isinf(float(value)):
            raise InvalidJson(f"The number at {_shown(path)} is too large; send one below 1.8e308.")
    elif isinstance(value, _Integer):
        if not _fits(value):
            msg = f"Input should be an integer between {INTEGER_MIN} and {INTEGER_MAX}"
            yield _problem("int_out_of_range", msg, path, value)
    elif isinstance(value, str):
        yield from _walk_text(value, path, value)


def _walk_members(members: _Members, path: Path) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for key, value in members:
        if key in seen:
            raise InvalidJson(
                f"The key {_shown((*path, key))} occurs twice, and parsers differ in which one counts; "
                "send it once."
            )
        seen.add(key)
        yield from _walk_text(key, (*path, key), key)
        yield from _walk(value, (*path, key))


def _walk_text(text: str, path: Path, given: str) -> Iterator[dict[str, Any]]:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidJson(
            f"The text at {_shown(path)} has half a surrogate pair at character {error.start}; "
            "send both halves or the character itself."
        ) from None
    if "\0" in text:
        yield _problem("string_contains_nul", "Input should not contain NUL characters", path, given)


def _problem(kind: str, msg: str, path: Path, given: str) -> dict[str, Any]:
    return {
        "loc": ["body", *(_visible(step) if isinstance(step, str) else step for step in path)],
        "msg": msg,
        "type": kind,
        "input": _visible(given),
        "url": f"https://docs.fal.ai/errors#{kind}",
    }


def _visible(text: str) -> str:
    """The text short enough to be shown, NUL as its escape: the answer must survive where NUL does not."""
    shown = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
    return shown.replace("\0", "\\u0000")


def _shown(path: Path) -> str:
    """The path as one ASCII word, since a key may itself hold what no answer can carry."""
    word = ".".join(step if isinstance(step, str) else str(step) for step in path)
    return json.dumps(_visible(word)) if path else "the top"


def _sentence(error: json.JSONDecodeError) -> str:
    advice = next((text for start, text in _ADVICE if error.msg.startswith(start)), "send valid JSON")
    what = error.msg.removesuffix(" at")
    return f"{what} at line {error.lineno}, column {error.colno} of the body: {advice}."


def _kind(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "a number"
