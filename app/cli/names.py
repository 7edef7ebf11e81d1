"""What may be a name of a team or a key, and how long a key may live, as the command line takes them."""

import re

import click

from app.admin.limits import MOST_GRACE_SECONDS, clean_name

DURATION = re.compile(r"([0-9]{1,6})([smhd])")
NO_GRACE = frozenset({"none", "0", "0s"})
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def check_name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """A name that people can read and terminals can show."""
    return clean(value)


def check_optional_name(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | None:
    """The same, for a name that need not be given."""
    return None if value is None else clean(value)


def check_grace(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    """How many seconds a secret lasts that was replaced."""
    seconds = 0 if value in NO_GRACE else duration_seconds(value, "--grace")
    if seconds > MOST_GRACE_SECONDS:
        raise click.BadParameter("at most 30d", param_hint="--grace")
    return seconds


def named(name: str | None) -> dict[str, str]:
    """The name as a field, where one was given."""
    return {} if name is None else {"name": name}


def clean(value: str) -> str:
    """The name as it is stored.

    Raises:
        click.BadParameter: it is not a name.
    """
    try:
        return clean_name(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def duration_seconds(text: str, option: str = "--expires-in") -> int:
    """How many seconds a duration like 30d, 12h, 90m or 45s has.

    Raises:
        click.BadParameter: it is not such a duration.
    """
    match = DURATION.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise click.BadParameter("write a duration like 30d, 12h, 90m or 45s", param_hint=option)
    return int(match[1]) * UNIT_SECONDS[match[2]]
