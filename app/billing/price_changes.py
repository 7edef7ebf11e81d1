"""What a new version of the prices would change, in words for an operator. Pure."""

from collections.abc import Sequence
from itertools import chain

from app.billing.money import usd
from app.billing.prices import PriceRule


def price_text(rule: PriceRule) -> str:
    """A price as one reads it: `0.025000 USD per megapixel, rounded up, at most 4`."""
    words = [f"{usd(rule.micros)} USD per {rule.per}"]
    if rule.rounding == "up":
        words.append("rounded up")
    if rule.largest is not None:
        words.append(f"at most {rule.largest}")
    return ", ".join(words)


def change_lines(before: Sequence[PriceRule], after: Sequence[PriceRule]) -> list[str]:
    """One line on each rule that is new (+), other (~) or gone (-), and one when their order changes."""
    old, new = ({rule.model: rule for rule in rules} for rules in (before, after))
    lines = [
        line
        for pattern in dict.fromkeys(chain(new, old))
        if (line := _change_line(old.get(pattern), new.get(pattern)))
    ]
    if [pattern for pattern in old if pattern in new] != [pattern for pattern in new if pattern in old]:
        lines.append("the order of the rules changes; the first that fits a model decides")
    return lines


def _change_line(old: PriceRule | None, new: PriceRule | None) -> str | None:
    if old is not None and new is not None:
        changed = f"~ {new.model}: {price_text(new)} (until now {price_text(old)})"
        return None if old == new else changed
    if new is not None:
        return f"+ {new.model}: {price_text(new)}"
    return None if old is None else f"- {old.model}: {price_text(old)}"
