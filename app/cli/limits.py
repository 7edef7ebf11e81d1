"""The options that say what a team or a key may do; the word `none` stands for no limit."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import click

from app.admin.limits import Amendment, Asked, read_as
from app.cli.names import duration_seconds
from app.errors import InvalidInput

NO_LIMIT: Final = "none"

# The options by the names that the use cases know them by.
OPTIONS: Final = {
    "requests_per_minute": "--rpm",
    "max_in_flight": "--max-in-flight",
    "budget_usd": "--budget-usd",
    "budget_period": "--budget-period",
    "models": "--model",
    "expires_at": "--expires-in",
}

Command = TypeVar("Command", bound=Callable[..., Any])
Shape = TypeVar("Shape", bound=Asked)
Change = TypeVar("Change", bound=Amendment)


class NumberOrNone(click.ParamType[int | str]):
    """A whole number, or the word that stands for none."""

    name = "integer"

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> int | str:
        """The number, or the word as it is."""
        if value == NO_LIMIT:
            return NO_LIMIT
        return click.INT(value, parameter, context)


def limit_options(command: Command) -> Command:
    """Adds the options to a command, which gets them as keywords; None where one was not given."""
    options = (
        click.option("--rpm", type=NumberOrNone(), help="Requests per minute."),
        click.option("--max-in-flight", type=NumberOrNone(), help="Jobs under way at once."),
        click.option("--budget-usd", metavar="USD", help="What its jobs may cost, like 25.00."),
        click.option(
            "--budget-period",
            type=click.Choice(["day", "month", "total"]),
            help="How long the budget is for; a month unless said otherwise.",
        ),
        click.option("--model", metavar="GLOB", multiple=True, help="A model it may use; may be repeated."),
        click.option("--expires-in", metavar="DURATION", help="A duration like 30d, 12h, 90m or 45s."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def read_options(shape: type[Shape], options: Mapping[str, object], **fields: object) -> Shape:
    """The limits that were given, with further fields, as that shape.

    Raises:
        click.UsageError: one of them is wrong.
    """
    given: dict[str, Any] = dict(fields)
    for field, option in OPTIONS.items():
        value = options[option.removeprefix("--").replace("-", "_")]
        if value not in (None, ()):
            given[field] = _limit(field, value)
    try:
        return read_as(shape, given)
    except InvalidInput as error:
        raise click.UsageError("; ".join(_sentence(problem) for problem in error.problems)) from None


def read_changes(shape: type[Change], options: Mapping[str, object], **fields: object) -> Change:
    """What a `change` command was told to change.

    Raises:
        click.UsageError: nothing, or something that is wrong.
    """
    amendment = read_options(shape, options, **fields)
    if not amendment.given():
        raise click.UsageError("say what to change: --name or one of the others")
    return amendment


def _limit(field: str, value: object) -> object:
    if value in (NO_LIMIT, (NO_LIMIT,)):
        return None
    if isinstance(value, tuple):
        return list(value)
    if field == "expires_at":
        return (datetime.now(UTC) + timedelta(seconds=duration_seconds(str(value)))).isoformat()
    return value


def _sentence(problem: Mapping[str, Any]) -> str:
    field = str(problem["loc"][1])
    return f"{OPTIONS.get(field, '--' + field.replace('_', '-'))}: {problem['msg']}"
