"""Prices from the command line: what is shipped, what is refused, and what loading leaves behind."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.billing.repository import PriceRepository
from app.storage.postgres import Database as Store
from tests.support.database import Database
from tests.support.processes import FLUXGATE, environment, run_fluxgate
from tests.support.stores import PEPPER
from tests.support.waiting import PATIENCE_SECONDS

Run = Callable[..., subprocess.CompletedProcess[str]]

DEV = {"model": "fal-ai/flux-1/dev", "per": "megapixel", "usd": "0.03"}
KONTEXT = {"model": "fal-ai/flux-pro/kontext*", "per": "image", "usd": "0.04"}
# Tables have the same number in all databases that were copied from one.
LOADERS_WAITING = """
    SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE d.datname = current_database() AND l.relation = 'price_versions'::regclass AND NOT l.granted
"""
SHIPPED = [
    {"model": "fal-ai/flux-1/dev", "per": "megapixel", "usd": "0.025000"},
    {"model": "fal-ai/flux/dev", "per": "megapixel", "usd": "0.025000"},
]


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Run:
    """Runs `fluxgate prices` on the test's database; `stdin` is given to the command."""
    settings = {"database_url": database.url, "key_pepper": PEPPER}

    def command(*words: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
        if stdin is None:
            return run_fluxgate(tmp_path, "prices", *words, settings=settings)
        done = subprocess.run(
            [FLUXGATE, "prices", *words],
            cwd=tmp_path,
            env=environment(settings),
            input=stdin,
            capture_output=True,
            check=False,
            timeout=180,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return command


@pytest.fixture
def price_file(tmp_path: Path) -> Path:
    """Two good rules in a file."""
    path = tmp_path / "prices.json"
    path.write_text(json.dumps([DEV, KONTEXT]))
    return path


def document(done: subprocess.CompletedProcess[str]) -> Any:
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def trail(database: Database) -> list[dict[str, Any]]:
    statement = "SELECT actor, action, subject_id, before, after FROM audit_trail ORDER BY id"
    return [
        row | {"before": json.loads(row["before"]), "after": json.loads(row["after"])}
        for row in database.rows(statement)
    ]


def test_a_new_installation_knows_the_price_of_flux_dev_alone(run: Run) -> None:
    listed = document(run("list", "--json"))
    assert (listed["version"], listed["items"], listed["next_cursor"]) == (1, SHIPPED, None)
    assert listed["loaded_at"].endswith("Z")


def test_people_see_a_table_and_since_when(run: Run) -> None:
    head, names, *rows = run("list").stdout.splitlines()
    assert head.startswith("Version 1, since 20")
    assert names.split() == ["model", "per", "usd", "rounding", "largest"]
    assert [row.split()[:3] for row in rows] == [list(rule.values()) for rule in SHIPPED]


def test_loading_makes_a_new_version_with_a_row_in_the_trail(
    run: Run, database: Database, price_file: Path
) -> None:
    assert document(run("load", str(price_file), "--json")) == {"version": 2, "rules": 2}
    listed = document(run("list", "--json"))
    loaded = [DEV | {"usd": "0.030000"}, KONTEXT | {"usd": "0.040000"}]
    assert (listed["version"], listed["items"]) == (2, loaded)
    [row] = trail(database)
    assert row["actor"].startswith("cli:")
    assert (row["action"], row["subject_id"]) == ("prices.load", "prices")
    assert row["before"]["version"] == 1
    assert row["after"] == {"version": 2, "rules": loaded}


def test_what_is_listed_can_be_loaded_again(run: Run) -> None:
    items = document(run("list", "--json"))["items"]
    done = run("load", "-", stdin=json.dumps(items).encode())
    assert done.stdout.startswith("Version 2 is loaded, 2 rules.\n")
    assert document(run("list", "--json"))["items"] == items


def test_checking_tells_what_would_change_and_changes_nothing(
    run: Run, database: Database, price_file: Path
) -> None:
    done = run("check", str(price_file))
    assert (done.returncode, done.stderr) == (0, "")
    good, against, *changes, unpriced = done.stdout.splitlines()
    assert good == "prices.json: good, 2 rules."
    assert against == "Against version 1:"
    assert changes == [
        "  ~ fal-ai/flux-1/dev: 0.030000 USD per megapixel (until now 0.025000 USD per megapixel)",
        "  + fal-ai/flux-pro/kontext*: 0.040000 USD per image",
        "  - fal-ai/flux/dev: 0.025000 USD per megapixel",
    ]
    assert "fal-ai/flux-1/schnell" in unpriced
    assert "fal-ai/flux-pro/kontext" not in unpriced
    assert [row["id"] for row in database.rows("SELECT id FROM price_versions")] == [1]
    assert trail(database) == []


def test_checking_the_same_rules_tells_that_nothing_changes(run: Run) -> None:
    done = run("check", "-", stdin=json.dumps(SHIPPED).encode())
    assert done.stdout.startswith("standard input: good, 2 rules.\nAgainst version 1:\n  nothing changes\n")


BAD_FILES = {
    "not JSON": (b"{", "this is not JSON"),
    "YAML": (b"- model: fal-ai/flux/dev\n  per: image\n  usd: '0.04'\n", "this is not JSON"),
    "empty list": (b"[]", "the list is empty"),
    "huge": (b"[" + b" " * 1_000_000 + b"]", "more than 1000000 bytes"),
    "not UTF-8": ('["\xe9"]'.encode("latin-1"), "not UTF-8 at byte 2"),
    "a number": (json.dumps([DEV | {"usd": 0.03}]).encode(), "rule 1, usd: write the price as text"),
    "negative": (json.dumps([DEV | {"usd": "-0.03"}]).encode(), "rule 1, usd: write an amount in USD"),
    "NaN": (json.dumps([DEV | {"usd": float("nan")}]).encode(), "NaN is not JSON"),
    "duplicate": (json.dumps([DEV, DEV]).encode(), "rule 2, model: this rule never counts"),
    "unknown field": (json.dumps([DEV | {"price": "1"}]).encode(), "rule 1, price: there is no such field"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_with_a_line_that_names_it(run: Run, tmp_path: Path, name: str) -> None:
    content, words = BAD_FILES[name]
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    done = run("check", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("bad.json: ")
    assert words in line


def test_a_bad_file_is_not_loaded_and_each_problem_has_its_line(run: Run, database: Database) -> None:
    bad = [DEV | {"usd": 1}, KONTEXT, DEV | {"per": "second"}]
    done = run("load", "-", "--json", stdin=json.dumps(bad).encode())
    assert (done.returncode, done.stdout) == (1, "")
    assert [line.split(":")[1] for line in done.stderr.splitlines()] == [" rule 1, usd", " rule 3, per"]
    assert [row["id"] for row in database.rows("SELECT id FROM price_versions")] == [1]
    assert trail(database) == []


def test_a_byte_order_mark_is_no_problem(run: Run) -> None:
    assert run("check", "-", stdin=b"\xef\xbb\xbf" + json.dumps([DEV]).encode()).returncode == 0


@pytest.mark.parametrize(
    "words", [("load",), ("check", "nowhere.json"), ("load", "."), ("drop",)], ids=" ".join
)
def test_bad_usage_exits_with_2(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run_fluxgate(tmp_path, "prices", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage:" in done.stderr
    assert list(tmp_path.iterdir()) == []


async def _versions_replaced_by_two_at_once(url: str) -> list[int | None]:
    """Loads two versions that overlap; for each the version that it replaced."""
    store = await Store.connect(url, pool_size=3, timeout_seconds=60)
    prices, first_is_in = PriceRepository(store), asyncio.Event()

    async def load_another() -> int | None:
        await first_is_in.wait()
        return await _load(prices, store)

    async with asyncio.TaskGroup() as group:
        second = group.create_task(load_another())
        async with store.transaction() as transaction:
            version = await prices.add_version(transaction, json.dumps([DEV]))
            first_is_in.set()
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not second.done() and not await store.execute(LOADERS_WAITING):  # noqa: ASYNC110 # only PostgreSQL knows who waits
                    await asyncio.sleep(0.01)
            first = await prices.version_before(transaction, version)
    await store.close()
    return [first["id"] if first else None, second.result()]


async def _load(prices: PriceRepository, store: Store) -> int | None:
    async with store.transaction() as transaction:
        version = await prices.add_version(transaction, json.dumps([DEV]))
        replaced = await prices.version_before(transaction, version)
        return replaced["id"] if replaced else None


def test_versions_loaded_at_once_follow_one_another(database: Database) -> None:
    assert asyncio.run(_versions_replaced_by_two_at_once(database.url)) == [1, 2]


def test_a_version_that_nobody_can_read_is_told_and_another_put_above_it(
    run: Run, database: Database, price_file: Path
) -> None:
    database.rows("INSERT INTO price_versions (rules) VALUES ('[{]')")
    done = run("list", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "version 2 of the prices cannot be read: this is not JSON" in done.stderr
    assert "It cannot be compared: version 2" in run("check", str(price_file)).stdout
    assert document(run("load", str(price_file), "--json"))["version"] == 3
    assert document(run("list", "--json"))["version"] == 3
    [row] = trail(database)
    assert row["before"] == {"version": 2, "rules": "[{]"}


def test_without_any_version_there_is_a_way_back(run: Run, database: Database, price_file: Path) -> None:
    database.rows("DELETE FROM price_versions")
    done = run("list")
    assert done.returncode == 1
    assert "there are no prices" in done.stderr
    assert document(run("load", str(price_file), "--json"))["version"] == 2
    assert database.value("SELECT before FROM audit_trail") is None
