"""Options that say what is kept of a team's jobs; for days, `none` leaves it to the installation."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import click

from app.admin.describe import policy
from app.admin.limits import NewTeam
from app.callers.policy import Privacy
from app.cli.limits import NO_LIMIT, NumberOrNone
from app.errors import InvalidInput

# The options by the names that the use cases know them by.
POLICY_OPTIONS: Final = {
    "privacy": "--privacy",
    "payload_days": "--payload-days",
    "job_days": "--job-days",
    "image_days": "--image-days",
    "keeps_images": "--keep-images",
    "rewrites_urls": "--rewrite-urls",
}

Command = TypeVar("Command", bound=Callable[..., Any])


def policy_options(command: Command) -> Command:
    """Adds the options to a command, which gets them as keywords; None where one was not given."""
    options = (
        click.option(
            "--privacy",
            type=click.Choice([word.value for word in Privacy]),
            help="How much is kept of prompts and results: all, digests, or nothing.",
        ),
        click.option("--payload-days", type=NumberOrNone(), help="Days that inputs and results are kept."),
        click.option("--job-days", type=NumberOrNone(), help="Days that jobs are kept."),
        click.option("--image-days", type=NumberOrNone(), help="Days that the vault keeps pictures."),
        click.option("--keep-images/--no-keep-images", default=None, help="Copy pictures to the vault."),
        click.option(
            "--rewrite-urls/--no-rewrite-urls", default=None, help="Results name the vault's links."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def policy_fields(options: Mapping[str, object]) -> dict[str, object]:
    """The fields that were given, by the names that the use cases know them by."""
    fields: dict[str, object] = {}
    for field, option in POLICY_OPTIONS.items():
        value = options[option.removeprefix("--").replace("-", "_")]
        if value is not None:
            fields[field] = None if field.endswith("_days") and value == NO_LIMIT else value
    return fields


def check_policy(new: NewTeam) -> None:
    """Lets pass what goes together.

    Raises:
        click.UsageError: two of the options do not.
    """
    try:
        policy(vars(new))
    except InvalidInput as error:
        raise click.UsageError(error.detail) from None
