"""`fluxgate prices`."""

import asyncio
from collections.abc import Mapping
from typing import Any, BinaryIO, NoReturn

import click

from app.admin.load_prices import load_prices
from app.billing.price_changes import change_lines
from app.billing.price_file import FILE_LIMIT_BYTES, parse_rules, problem_lines, rule_items
from app.billing.prices import PriceBook, PriceRule
from app.billing.repository import PriceRepository
from app.catalogue.lookup import Catalogue
from app.cli.actor import command_line_actor
from app.cli.output import print_json, print_table
from app.cli.stores import admin_context, ready_stores
from app.errors import InvalidInput, StartupError

COLUMNS = ("model", "per", "usd", "rounding", "largest")


@click.group()
def prices() -> None:
    """Prices say what a job costs; the first rule that fits its model decides."""


@prices.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_prices(*, as_json: bool) -> None:
    """List the rules that count now.

    The `items` of --json can be loaded again.
    """

    async def run() -> tuple[PriceBook, Any]:
        async with admin_context(settings) as admin:
            repository = PriceRepository(admin.database)
            book = await repository.current()
            [since] = [row["loaded_at"] for row in await repository.versions() if row["id"] == book.version]
            return book, since

    with ready_stores(redis=False) as settings:
        book, loaded_at = asyncio.run(run())
    items = rule_items(book.rules)
    if as_json:
        print_json({"version": book.version, "loaded_at": loaded_at, "items": items, "next_cursor": None})
        return
    click.echo(f"Version {book.version}, since {loaded_at:%Y-%m-%d %H:%M} UTC.")
    print_table([_row(item) for item in items], COLUMNS)


@prices.command("check")
@click.argument("file", type=click.File("rb"))
def check(*, file: BinaryIO) -> None:
    """Check FILE and say what it would change.

    Nothing is loaded. FILE can be - for standard input.
    """
    name = _name_of(file)
    rules = _rules_in(_text_in(file, name), name)

    async def run() -> PriceBook | StartupError:
        async with admin_context(settings) as admin:
            try:
                return await PriceRepository(admin.database).current()
            except StartupError as error:
                return error

    with ready_stores(redis=False) as settings:
        current = asyncio.run(run())
    click.echo(f"{name}: good, {_count(rules)}.")
    if isinstance(current, StartupError):
        click.echo(f"It cannot be compared: {current}")
    else:
        changes = change_lines(current.rules, rules) or ["nothing changes"]
        click.echo(f"Against version {current.version}:")
        for line in changes:
            click.echo(f"  {line}")
    _tell_models_without_price(rules)


@prices.command("load")
@click.argument("file", type=click.File("rb"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def load(*, file: BinaryIO, as_json: bool) -> None:
    """Load FILE as a new version.

    Every process uses it within five seconds. FILE can be - for standard input.
    """
    name = _name_of(file)
    text = _text_in(file, name)
    rules = _rules_in(text, name)

    async def run() -> int:
        async with admin_context(settings) as admin:
            return await load_prices(admin, command_line_actor(), text)

    with ready_stores(redis=False) as settings:
        version = asyncio.run(run())
    if as_json:
        print_json({"version": version, "rules": len(rules)})
    else:
        click.echo(f"Version {version} is loaded, {_count(rules)}.")
        _tell_models_without_price(rules)


def _name_of(file: BinaryIO) -> str:
    name = click.format_filename(file.name, shorten=True)
    return "standard input" if name == "<stdin>" else name


def _text_in(file: BinaryIO, name: str) -> str:
    content = file.read(FILE_LIMIT_BYTES + 1)
    if len(content) > FILE_LIMIT_BYTES:
        _refuse(name, [f"the file has more than {FILE_LIMIT_BYTES} bytes"])
    try:
        # Some editors begin a file with a mark that JSON does not know.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(name, [f"the file is not UTF-8 at byte {error.start}"])


def _rules_in(text: str, name: str) -> tuple[PriceRule, ...]:
    try:
        return parse_rules(text)
    except InvalidInput as error:
        _refuse(name, problem_lines(error))


def _refuse(name: str, lines: list[str]) -> NoReturn:
    for line in lines:
        click.echo(f"{name}: {line}", err=True)
    raise SystemExit(1)


def _row(item: Mapping[str, str]) -> dict[str, str | None]:
    return {column: item.get(column) for column in COLUMNS}


def _count(rules: tuple[PriceRule, ...]) -> str:
    return "1 rule" if len(rules) == 1 else f"{len(rules)} rules"


def _tell_models_without_price(rules: tuple[PriceRule, ...]) -> None:
    book = PriceBook(0, rules)
    listed = (model.id for model in Catalogue(allow_unlisted=False).listed())
    if unpriced := [model_id for model_id in listed if book.rule_for(model_id) is None]:
        click.echo(f"No rule fits {len(unpriced)} of the listed models: {', '.join(unpriced)}")
