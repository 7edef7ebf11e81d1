"""The JSON text of the rules: what operators load and what is stored. Pure.

A list of objects; the first rule that fits a model decides:

    [{"model": "fal-ai/flux/*", "per": "megapixel", "usd": "0.025", "rounding": "up", "largest": 4}]
"""

import json
import re
from collections.abc import Iterator, Sequence
from fnmatch import translate
from types import MappingProxyType
from typing import Any, Final, NoReturn

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.billing.price_form import RuleForm, rule_item
from app.billing.prices import PriceRule
from app.errors import InvalidInput

FILE_LIMIT_BYTES: Final = 1_000_000
RULES_LIMIT: Final = 500
PROBLEMS_LIMIT: Final = 50
SHOWN_CHARACTERS: Final = 80

# In place of the words that pydantic has for programmers.
_WORDS: Final = MappingProxyType(
    {
        "extra_forbidden": "there is no such field",
        "missing": "this field is missing",
        "model_type": 'a rule is an object: {"model": ..., "per": ..., "usd": ...}',
        "string_pattern_mismatch": "write a model id, or a pattern with *, ? or [...] such as fal-ai/flux/*",
    }
)
_FIELD_NAME: Final = re.compile(r"\w{1,40}", re.ASCII)


def parse_rules(text: str) -> tuple[PriceRule, ...]:
    """Reads a list of rules.

    Raises:
        InvalidInput: with every problem; `loc` is the index of the rule and the field.
    """
    rules: list[tuple[int, PriceRule]] = []
    problems: list[dict[str, Any]] = []
    for index, item in enumerate(_read_list(text)):
        try:
            rules.append((index, RuleForm.model_validate(item).to_rule()))
        except ValidationError as error:
            problems.extend(_problem(index, details) for details in error.errors())
    problems.extend(_rules_without_effect(rules))
    if problems:
        problems.sort(key=lambda problem: int(problem["loc"][0]))
        raise InvalidInput(problems[:PROBLEMS_LIMIT])
    return tuple(rule for _, rule in rules)


def rule_items(rules: Sequence[PriceRule]) -> list[dict[str, str]]:
    """The rules as a list that can be loaded again."""
    return [rule_item(rule) for rule in rules]


def write_rules(rules: Sequence[PriceRule]) -> str:
    """The text that is stored."""
    return json.dumps(rule_items(rules))


def problem_lines(error: InvalidInput) -> list[str]:
    """One line on each problem, for people, who count rules from one."""
    return [_line(problem["loc"], str(problem["msg"])) for problem in error.problems]


def _line(loc: Sequence[int | str], message: str) -> str:
    if not loc:
        return message
    index, *fields = loc
    where = ", ".join([f"rule {int(index) + 1}", *map(str, fields)])
    return f"{where}: {message}"


def _read_list(text: str) -> list[Any]:
    if len(text) > FILE_LIMIT_BYTES:
        raise _refusal("too_long", f"the rules take more than {FILE_LIMIT_BYTES} bytes")
    try:
        found = json.loads(text, object_pairs_hook=_unique_members, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _refusal("json_invalid", f"this is not JSON: {error.msg}, at {where}") from None
    except (ValueError, RecursionError):
        raise _refusal("json_invalid", "this JSON has a number that is too long, or nests too deep") from None
    if not isinstance(found, list):
        raise _refusal("list_type", "the rules are a JSON list of objects: [{...}, {...}]")
    if not found:
        raise _refusal("too_short", "the list is empty; without rules no model has a price")
    if len(found) > RULES_LIMIT:
        raise _refusal("too_long", f"there are {len(found)} rules, at most {RULES_LIMIT} are taken")
    return found


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = ", ".join(_shown(name) for name, _ in pairs)
        raise _refusal("json_invalid", f"an object has a field twice; its fields are {names}")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise _refusal("json_invalid", f"{name} is not JSON")


def _rules_without_effect(rules: Sequence[tuple[int, PriceRule]]) -> Iterator[dict[str, Any]]:
    """Rules that an earlier one always precedes: the price that they were written for would never count.

    Where the earlier pattern has no wildcard but `*` and the later no `[`, each wildcard of the later stands
    within a `*` of the earlier exactly when the earlier fits the text of the later. Other pairs are let pass.
    """
    seen: list[tuple[str, PriceRule, re.Pattern[str] | None]] = []
    for index, rule in rules:
        for place, earlier, covers in seen:
            has_set = "[" in rule.model
            if earlier.model == rule.model or (covers and not has_set and covers.match(rule.model)):
                yield {
                    "loc": [index, "model"],
                    "msg": f"this rule never counts: {place}, {earlier.model}, fits first",
                    "type": "rule_without_effect",
                    "input": rule.model,
                }
                break
        covers = None if {"?", "["} & set(rule.model) else re.compile(translate(rule.model))
        seen.append((f"rule {index + 1}", rule, covers))


def _problem(index: int, details: ErrorDetails) -> dict[str, Any]:
    fields = (str(part) for part in details["loc"])
    return {
        # The name of an unknown field may hold anything, so it is shown as what it is: JSON.
        "loc": [index, *(field if _FIELD_NAME.fullmatch(field) else _shown(field) for field in fields)],
        "msg": _WORDS.get(details["type"], details["msg"]),
        "type": details["type"],
        "input": _shown(details["input"]),
    }


def _refusal(kind: str, message: str) -> InvalidInput:
    return InvalidInput([{"loc": [], "msg": message, "type": kind}])


def _shown(given: object) -> str:
    if isinstance(given, dict | list):
        return "an object" if isinstance(given, dict) else "a list"
    text = json.dumps(given)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."
