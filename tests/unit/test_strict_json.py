"""One JSON object that every parser reads alike, or a sentence about what is wrong and where."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dialects.strict_json import DEPTH_LIMIT, VALUES_LIMIT, parse_object
from app.errors import BodyMustBeObject, InvalidInput, InvalidJson


def nested(levels: int) -> bytes:
    """An object around arrays, `levels` deep in all."""
    return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def with_values(count: int) -> bytes:
    """An object that holds so many values, itself and the array included."""
    return b'{"a":[' + b",".join([b"1"] * (count - 2)) + b"]}"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"", "The body is empty; send a JSON object", id="nothing"),
        pytest.param(b" \r\n\t", "The body is empty; send a JSON object", id="only-blanks"),
        pytest.param(b"{", "line 1, column 2", id="cut-off"),
        pytest.param(
            b'{"prompt": "a cat', "Unterminated string starting at line 1, column 12", id="cut-string"
        ),
        pytest.param(b'{"a": 1,\n "b" 2}', "Expecting ':' delimiter at line 2, column 6", id="no-colon"),
        pytest.param(b'{"a": 1 "b": 2}', "Expecting ',' delimiter at line 1, column 9", id="no-comma"),
        pytest.param(b'{"a": 1,}', "comma", id="trailing-comma"),
        pytest.param(b"{'a': 1}", "in double quotes", id="single-quotes"),
        pytest.param(b'{"a": 1} {}', "Extra data at line 1, column 10", id="two-values"),
        pytest.param(b'{"a": "x\ny"}', "Invalid control character at line 1, column 9", id="raw-newline"),
        pytest.param(b'{"a": "\x00"}', "Invalid control character at line 1, column 8", id="raw-nul"),
        pytest.param(b'{"a": "\\x"}', "Invalid \\escape", id="bad-escape"),
        pytest.param(b'{"a": "\\u12"}', "Invalid \\uXXXX escape", id="bad-unicode-escape"),
        pytest.param(b'{"a": 01}', "line 1, column 8", id="leading-zero"),
        pytest.param(b'{"a": 1.}', "line 1, column 8", id="bare-point"),
        pytest.param(b'{"a": True}', "Expecting value at line 1, column 7", id="python-literal"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}', "byte order mark at byte 0", id="bom"),
        pytest.param(b'{"a": "\xff"}', "not valid UTF-8 at byte 7", id="invalid-utf8"),
        pytest.param(b'{"a": "\xed\xa0\x80"}', "not valid UTF-8 at byte 7", id="surrogate-in-utf8"),
        pytest.param('{"a": 1}'.encode("utf-16"), "not valid UTF-8 at byte 0", id="utf16"),
        pytest.param(b'{"a": NaN}', 'NaN at "a" is not JSON', id="nan"),
        pytest.param(b'{"a": [1, {"b": Infinity}]}', 'Infinity at "a.1.b" is not JSON', id="infinity"),
        pytest.param(b'{"a": -Infinity}', '-Infinity at "a" is not JSON', id="minus-infinity"),
        pytest.param(b'{"a": 1e400}', 'number at "a" is too large', id="overflow"),
        pytest.param(b'{"a": [-1.5e999]}', 'number at "a.0" is too large', id="minus-overflow"),
        pytest.param(b'{"a": "x\\ud800"}', 'text at "a" has half a surrogate pair at character 1', id="high"),
        pytest.param(b'{"a": "\\uDC00\\uD800"}', 'text at "a" has half a surrogate', id="wrong-order"),
        pytest.param(b'{"\\udfff": 1}', 'text at "\\udfff" has half a surrogate', id="surrogate-key"),
        pytest.param(b'{"a": 1, "a": 1}', 'key "a" occurs twice', id="duplicate"),
        pytest.param(b'{"a": 1, "\\u0061": 2}', 'key "a" occurs twice', id="duplicate-by-escape"),
        pytest.param(
            b'{"a": [{"b": {"c": 1, "c": 2}}]}', 'key "a.0.b.c" occurs twice', id="duplicate-inside"
        ),
        pytest.param(b'{"a": 1, "a": 2, "b"', "Expecting ':'", id="duplicate-and-cut-off"),
        pytest.param(b'{"a": 9' + b"9" * 30 + b', "b": NaN}', 'NaN at "b"', id="json-before-values"),
        pytest.param(nested(DEPTH_LIMIT + 1), "deeper than 64 levels", id="65-levels"),
        pytest.param(b"[" * 100_000, "deeper than 64 levels", id="100000-brackets"),
        pytest.param(with_values(VALUES_LIMIT + 1), "holds about 100001 values", id="100001-values"),
    ],
)
def test_what_is_not_plain_json_is_refused_with_a_sentence(body: bytes, words: str) -> None:
    with pytest.raises(InvalidJson) as refusal:
        parse_object(body)
    assert words in refusal.value.detail
    assert refusal.value.detail.endswith(".")
    assert "at at" not in refusal.value.detail
    refusal.value.detail.encode()
    assert len(refusal.value.detail) < 500


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[]", "an array"),
        (b'[{"prompt": "a"}]', "an array"),
        (b'"x"', "a string"),
        (b"1", "a number"),
        (b"-1.5", "a number"),
        (b"null", "null"),
        (b"true", "true"),
        (b"false", "false"),
    ],
)
def test_other_json_than_an_object_is_refused(body: bytes, kind: str) -> None:
    with pytest.raises(BodyMustBeObject) as refusal:
        parse_object(body)
    assert refusal.value.detail.startswith(f"The body is {kind};")


@pytest.mark.parametrize(
    ("body", "loc", "kind", "shown"),
    [
        (b'{"a": "x\\u0000y"}', ["body", "a"], "string_contains_nul", "x\\u0000y"),
        (b'{"a": [1, {"b": "\\u0000"}]}', ["body", "a", 1, "b"], "string_contains_nul", "\\u0000"),
        (b'{"a\\u0000": 1}', ["body", "a\\u0000"], "string_contains_nul", "a\\u0000"),
        (b'{"seed": 18446744073709551616}', ["body", "seed"], "int_out_of_range", "18446744073709551616"),
        (b'{"seed": -9223372036854775809}', ["body", "seed"], "int_out_of_range", "-9223372036854775809"),
        (b'{"a": {"b": [1' + b"0" * 30 + b"]}}", ["body", "a", "b", 0], "int_out_of_range", "1" + "0" * 30),
        (b'{"seed": ' + b"9" * 5000 + b"}", ["body", "seed"], "int_out_of_range", "9" * 199 + "…"),
    ],
)
def test_what_no_store_can_keep_is_refused_by_field(
    body: bytes, loc: list[str | int], kind: str, shown: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_object(body)
    (problem,) = refusal.value.problems
    assert problem.keys() == {"loc", "msg", "type", "input", "url"}
    assert (problem["loc"], problem["type"], problem["input"]) == (loc, kind, shown)
    assert problem["url"] == f"https://docs.fal.ai/errors#{kind}"


def test_all_such_fields_are_named_up_to_a_limit() -> None:
    body = b'{"a": ["\\u0000", ' + b"9" * 40 + b"]}"
    with pytest.raises(InvalidInput) as refusal:
        parse_object(body)
    assert [problem["loc"] for problem in refusal.value.problems] == [["body", "a", 0], ["body", "a", 1]]
    with pytest.raises(InvalidInput) as refusal:
        parse_object(b'{"a": [' + b'"\\u0000",' * 50 + b"1]}")
    assert len(refusal.value.problems) == 20


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b' {"a": 1}\n',
        nested(DEPTH_LIMIT),
        with_values(VALUES_LIMIT),
        b'{"a": {"b": 1}, "c": {"b": 1}}',
        b'{"a": 18446744073709551615, "b": -9223372036854775808, "c": -0}',
        b'{"a": 1.7976931348623157e308, "b": -0.0, "c": 1e-400}',
        '{"a": "\u202e\u200b\x7f\U0001f600 \\u0001\\u001f\\n\\ud83d\\ude00 \\u4e2d"}'.encode(),
        b'{"a": "\\\\u0000 and \\\\ud800"}',
        b'{"__proto__": {"constructor": 1}, "": null}',
        json.dumps({"prompt": "[" * 100_000 + "{," * 100_000 + '"\\'}).encode(),
    ],
)
def test_plain_json_is_read_as_it_stands(body: bytes) -> None:
    assert parse_object(body) == json.loads(body)


def test_types_are_those_that_were_written() -> None:
    parsed = parse_object(b'{"int": 2, "float": 2.0, "true": true, "minus": -0.0}')
    assert [type(value) for value in parsed.values()] == [int, float, bool, float]
    assert str(parsed["minus"]) == "-0.0"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 100_000, id="brackets"),
        pytest.param(b'{"a":' * 100_000, id="objects"),
        pytest.param(b'{"a":[' + b"[]," * 330_000 + b"1]}", id="wide"),
        pytest.param(b'{"' + b'\\"' * 490_000 + b"[" * 100, id="quotes-without-end"),
        pytest.param(b'{"a":"' + b"\\" * 999_001, id="backslashes"),
        pytest.param(b'{"a":' + b"9" * 999_000 + b"}", id="digits"),
        pytest.param(b'{"a":' + b"9" * 999_000 + b".5}", id="digits-before-a-point"),
        pytest.param(b'{"a":[' + b'"\\u0000",' * 99_000 + b"1]}", id="nul-everywhere"),
        pytest.param(b'{"' + b"]" * 999_000, id="closers"),
    ],
)
def test_a_hostile_megabyte_is_refused_in_little_time(body: bytes) -> None:
    def refuse() -> None:
        with pytest.raises((InvalidJson, InvalidInput)):
            parse_object(body)

    # Alone it is a few milliseconds; the rest is room for a busy machine.
    assert least_seconds(refuse) < 0.1


def test_a_long_prompt_is_read_in_little_time() -> None:
    body = json.dumps({"prompt": "a" * 1_000_000}).encode()
    assert least_seconds(lambda: parse_object(body)) < 0.05


def least_seconds(act: Callable[[], object]) -> float:
    """What it takes of the processor, the quickest of three times: memory may be cleaned up within one."""

    def once() -> float:
        started = time.process_time()
        act()
        return time.process_time() - started

    return min(once() for _ in range(3))


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


@given(st.dictionaries(TEXT, VALUES), st.booleans())
def test_every_valid_object_is_what_the_standard_library_reads(
    value: dict[str, Any], ascii_only: bool
) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    parsed = parse_object(body)
    assert parsed == json.loads(body)
    assert json.dumps(parsed) == json.dumps(json.loads(body))


WORDS = ["true", "null", "NaN", "Infinity", "1e999", "9" * 25, '"a"', '"a":', '{"a":', "{}", "[]"]
CHARACTERS = ["\\u0000", "\\ud800", "\\udc00", "\0", "\ufeff", "é", *'{}[]:,"\\ \n0123456789.eE+-']
PIECES = st.sampled_from([*WORDS, *CHARACTERS])
ALMOST_JSON = st.lists(PIECES, max_size=40).map(lambda pieces: '{"a":' + "".join(pieces))


@given(
    st.binary(max_size=200) | ALMOST_JSON.map(str.encode) | ALMOST_JSON.map(lambda text: f"{text}}}".encode())
)
def test_nothing_but_the_three_errors_is_raised(body: bytes) -> None:
    try:
        parsed = parse_object(body)
    except (InvalidJson, BodyMustBeObject) as refusal:
        refusal.detail.encode()
    except InvalidInput as refusal:
        json.dumps(refusal.problems, ensure_ascii=False).encode()
    else:
        assert parsed == json.loads(body)
