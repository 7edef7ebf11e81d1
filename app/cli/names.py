"""What may be a name of a team or a key, and how long a key may live, as the command line takes them."""

import re

import click

LONGEST_NAME = 100
DURATION = re.compile(r"(\d{1,6})([smhd])")
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def check_name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """A name that people can read and terminals can show."""
    if not value.strip() or len(value) > LONGEST_NAME or not value.isprintable():
        raise click.BadParameter(f"a name has 1 to {LONGEST_NAME} printable characters")
    return value.strip()


def check_duration(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    """A duration like 30d, 12h, 90m or 45s, in seconds."""
    if value is None:
        return None
    match = DURATION.fullmatch(value)
    if match is None or int(match[1]) == 0:
        raise click.BadParameter("write a duration like 30d, 12h, 90m or 45s")
    return float(int(match[1]) * UNIT_SECONDS[match[2]])
