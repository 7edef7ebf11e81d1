"""Round numbers for the axis of a chart, and how they are written there. Pure."""

from typing import Final

from app.billing.money import MICROS_PER_USD

STEPS: Final = (1, 2, 5, 10)
LINES_AT_MOST: Final = 4
SIZES: Final = ((10**9, "G"), (10**6, "M"), (10**3, "k"))


def round_ticks(most: int) -> tuple[int, ...]:
    """Numbers from 0 on, evenly apart, the last of them not below `most`: 1, 2 or 5 with zeros behind."""
    step = _step_for(most)
    lines = -(-most // step)
    return tuple(step * line for line in range(lines + 1))


def axis_words(number: int) -> str:
    """A round number, shortly: 500, 2k, 1.5M."""
    for size, word in SIZES:
        if number >= size:
            return f"{number / size:.12g}{word}"
    return str(number)


def axis_money(micros: int) -> str:
    """The same for micro-USD: $0.05, $20, $2k."""
    if micros < MICROS_PER_USD:
        return f"${micros / MICROS_PER_USD:.6f}".rstrip("0").rstrip(".")
    return f"${axis_words(micros // MICROS_PER_USD)}" if micros % MICROS_PER_USD == 0 else _with_cents(micros)


def _with_cents(micros: int) -> str:
    return f"${micros / MICROS_PER_USD:.2f}"


def _step_for(most: int) -> int:
    """The smallest round step that needs no more lines than fit."""
    ten = 1
    while True:
        for step in STEPS:
            if step * ten * LINES_AT_MOST >= most:
                return step * ten
        ten *= 10
