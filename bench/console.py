"""How long each page of the console takes with a million jobs in the database, for the admin and for a team.

Fills an embedded PostgreSQL with one team's month that ends now (`bench/reports.py`) and prompts of varied
words, starts a gateway on it as users run it, signs in with both keys, and asks for every page again and
again over HTTP. `--jobs 100000` makes it smaller, `--keep DIR` fills a directory once and uses it again.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from urllib.parse import urlencode

import httpx
import reports
from uuid_utils.compat import uuid7

from app.audit.roll_up import roll_up
from app.audit.write_words import write_words_piece
from app.callers.key_material import digest_of, hint_of, new_key
from app.storage.embedded import embedded_services
from app.storage.migrate import migrate
from app.storage.postgres import Database

FLUXGATE = str(Path(sys.executable).with_name("fluxgate"))
PORT = 18_437
ADMIN_KEY = "fga_the-admin-key-of-the-bench"
PEPPER = "pepper-of-the-bench"
ROUNDS = 15
MOST_MS = 100.0
IDLE_TEAMS = 50
ENTRIES_AT_ONCE = 20_000

# Twelve words of twenty thousand, few of them common; one prompt in five has a cat, one in forty thousand an
# airship.
INPUTS = """
    INSERT INTO job_inputs (job_id, prompt, input, upstream_headers)
    SELECT id, p.prompt, json_build_object('prompt', p.prompt, 'num_images', 1)::text, '{}'
    FROM jobs CROSS JOIN LATERAL (
        SELECT CASE WHEN random() < 0.2 THEN 'A cat, ' ELSE 'A ' END
            || string_agg('w' || (20000 * power(random(), 4))::int, ' ') || ', soft light, film grain'
            || CASE WHEN random() < 0.000025 THEN ' zeppelin' ELSE '' END AS prompt
        FROM generate_series(1, 12) n WHERE jobs.id IS NOT NULL
    ) AS p
    WHERE id >= $1
"""
SEARCHES = {
    "a common word": "cat",
    "a word of one prompt in 70": "w201",
    "a rare word": "zeppelin",
    "a word of no prompt": "nothing",
    "two beginnings": "fil zep",
    "nine words": "w10 w11 w12 w13 w14 w15 w16 w17 w18",
}


async def fill(url: str, jobs: int) -> None:
    database = await Database.connect(url, pool_size=1, timeout_seconds=900)
    reports.INPUTS = INPUTS
    reports.STARTS_AT = datetime.now(UTC) - reports.MONTH
    started = perf_counter()
    await reports.Bench(database, jobs).fill()
    await database.execute(
        "INSERT INTO teams (id, name) "
        "SELECT id, 'idle ' || n FROM unnest($1::uuid[]) WITH ORDINALITY AS t (id, n)",
        [uuid7() for _ in range(IDLE_TEAMS)],
    )
    await roll_up(database)
    while await write_words_piece(database, entries=ENTRIES_AT_ONCE):
        pass
    await database.execute("VACUUM ANALYZE")
    await database.close()
    print(f"{jobs:,d} jobs filled in {perf_counter() - started:.0f} s")


async def make_key(url: str) -> str:
    """A key of the team whose secret is known here."""
    database = await Database.connect(url, pool_size=1, timeout_seconds=30)
    key, key_id = new_key(), uuid7()
    await database.execute(
        "INSERT INTO api_keys (id, team_id, name, digest, hint) "
        "SELECT $1, id, 'bench', $2, $3 FROM teams WHERE name = 'studio'",
        key_id,
        digest_of(key, PEPPER.encode()),
        hint_of(key),
    )
    await database.execute("INSERT INTO allowances (scope_id, scope) VALUES ($1, 'key')", key_id)
    await database.close()
    return key


@contextmanager
def gateway(directory: Path, database_url: str, redis_url: str) -> Iterator[str]:
    settings = {
        "FLUXGATE_DATABASE_URL": database_url,
        "FLUXGATE_REDIS_URL": redis_url,
        "FLUXGATE_ADMIN_KEY": ADMIN_KEY,
        "FLUXGATE_KEY_PEPPER": PEPPER,
        "FLUXGATE_UPSTREAM_URL": "http://127.0.0.1:9",
        "FLUXGATE_UPSTREAM_KEY": "bench",
    }
    address = f"http://127.0.0.1:{PORT}"
    with (directory / "gateway.log").open("wb") as log:
        process = subprocess.Popen(
            [FLUXGATE, "serve", "--port", str(PORT), "--no-worker"],
            cwd=directory,
            env={**os.environ, **settings},
            stdout=log,
            stderr=log,
        )
    try:
        until = time.monotonic() + 60
        while not is_there(address):
            assert time.monotonic() < until, "the gateway did not come up"
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def is_there(address: str) -> bool:
    try:
        return httpx.get(f"{address}/livez", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def pages(client: httpx.Client, *, is_admin: bool) -> Iterator[tuple[str, str]]:
    """The name and the address of every page that this sign-in opens."""
    newest = job_ids(client, state="succeeded")[0]
    half = (datetime.now(UTC) - reports.MONTH / 2).date()
    filters: dict[str, dict[str, str]] = {
        "no filter": {},
        "state=failed": {"state": "failed"},
        "state=queued": {"state": "queued"},
        "model": {"model": reports.MODELS[1]},
        "model (none)": {"model": "fal-ai/nothing"},
        "key": {"key": "key 3"},
        "end_user": {"end_user": "user 7"},
        "from, to": {"from": str(half), "to": str(half + reports.MONTH / 31)},
        **({"team": {"team": "studio"}} if is_admin else {}),
        **{f"search: {name}": {"q": words} for name, words in SEARCHES.items()},
        "search: a rare word, state, key": {"q": "zeppelin", "state": "succeeded", "key": "key 3"},
    }
    for name, query in filters.items():
        yield f"jobs, {name}", f"/console/jobs?{urlencode(query)}"
    yield "a job", f"/console/jobs/{newest}"
    yield "overview", "/console"
    yield "overview, what changes", "/console/overview/now"
    yield "overview, the month", "/console/overview/month"
    yield "usage", "/console/usage"
    for groups in ("team", "key", "model", "end_user", "day"):
        yield f"usage by {groups}", f"/console/usage?group_by={groups}"
    if is_admin:
        for name in ("teams", "keys", "unknown", "audit"):
            yield name, f"/console/{name}"
    else:
        yield "playground", "/playground"


def job_ids(client: httpx.Client, **query: str) -> list[str]:
    """The jobs on a page."""
    text = client.get("/console/jobs", params=query).text
    return [part.partition('"')[0] for part in text.split('href="/console/jobs/')[1:]]


def measure(client: httpx.Client, who: str, name: str, path: str) -> bool:
    """Prints the times of one page; whether they are what they should be."""
    answer = client.get(path)
    if answer.status_code != 200:
        print(f"  {who:<6} {name:<42} answered {answer.status_code}")
        return True
    times = []
    for _ in range(ROUNDS):
        started = perf_counter()
        client.get(path)
        times.append((perf_counter() - started) * 1000)
    is_over = max(times) > MOST_MS
    mark = f"  over {MOST_MS:.0f} ms" if is_over else ""
    figures = f"{min(times):8.1f} {statistics.median(times):8.1f} {max(times):8.1f}"
    print(f"  {who:<6} {name:<42} {figures} {len(answer.content) / 1000:8.1f}{mark}", flush=True)
    return not is_over


def run(directory: Path, jobs: int) -> None:
    with embedded_services(directory, postgres=True, redis=True) as addresses:
        assert addresses.database_url is not None
        assert addresses.redis_url is not None
        if not (directory / "filled").exists():
            asyncio.run(migrate(addresses.database_url))
            asyncio.run(fill(addresses.database_url, jobs))
            (directory / "filled").touch()
        key = asyncio.run(make_key(addresses.database_url))
        with gateway(directory, addresses.database_url, addresses.redis_url) as address:
            print(f"\n  {f'ms, {ROUNDS} times each':<49} {'least':>8} {'median':>8} {'most':>8} {'kB':>8}")
            over = 0
            for who, secret in (("admin", ADMIN_KEY), ("team", key)):
                with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
                    client.post("/console/sign-in", data={"key": secret})
                    for name, path in pages(client, is_admin=who == "admin"):
                        over += not measure(client, who, name, path)
            print(f"\n  {over} over {MOST_MS:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    place = (
        nullcontext(arguments.keep)
        if arguments.keep
        else tempfile.TemporaryDirectory(prefix="fluxgate-bench-")
    )
    with place as directory:
        run(Path(directory), arguments.jobs)


if __name__ == "__main__":
    main()
