"""`python -m tests.screenshots [directory] [--only WORD]`: every page, at a desk and on a phone."""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from app.storage.embedded import embedded_services
from tests.screenshots.small import make_small
from tests.screenshots.studio import PRICES, Team, move_in, work_today
from tests.support.chromium import chromium
from tests.support.database import Database
from tests.support.gateway import Gateway, serve
from tests.support.processes import ROOT, run_fluxgate
from tests.support.receiver import receiving
from tests.support.simulator import simulate
from tests.support.stores import Stores, settings_for
from tests.support.visitor import DESKTOP, PHONE, Visitor

ADMIN_KEY: Final = "fga_the-admin-key-of-the-screenshots"
BROWSER_SECONDS: Final = 600.0
# Waits until nothing more is asked for, then until each picture is drawn; one that never comes is left out.
ALL_IS_THERE: Final = """
    let before = -1;
    const asked = () => performance.getEntriesByType("resource").length;
    while (before !== asked()) {
      before = asked();
      await new Promise((done) => setTimeout(done, 700));
    }
    for (const one of document.images) one.loading = "eager";
    await Promise.allSettled([...document.images].map((one) => one.decode()));
"""
LONGEST_PIXELS: Final = 1500


@dataclass(frozen=True)
class Shot:
    """A page to look at: as whom, where, and in which schemes."""

    name: str
    path: str
    who: str = "admin"
    is_dark_too: bool = False


def shots(job_id: str) -> list[Shot]:
    """Every page there is."""
    return [
        Shot("sign-in", "/console/sign-in", "nobody"),
        Shot("overview", "/console", is_dark_too=True),
        Shot("overview-team", "/console", "team"),
        Shot("jobs", "/console/jobs", is_dark_too=True),
        Shot("job", f"/console/jobs/{job_id}", is_dark_too=True),
        Shot("usage", "/console/usage?group_by=day,team", is_dark_too=True),
        Shot("usage-model", "/console/usage?group_by=team,model&sort=-cost_usd"),
        Shot("teams", "/console/teams"),
        Shot("keys", "/console/keys"),
        Shot("unknown", "/console/unknown"),
        Shot("audit", "/console/audit"),
        Shot("playground", "/playground", "artist", is_dark_too=True),
        Shot("api", "/docs", "nobody"),
    ]


@dataclass(frozen=True)
class Scene:
    """A gateway with a past."""

    gateway: Gateway
    teams: list[Team]
    job_id: str


@contextmanager
def scene(directory: Path) -> Iterator[Scene]:
    """Stores, simulator and gateway from scratch, and a month of life in them."""
    with ExitStack() as stack:
        found = stack.enter_context(embedded_services(directory / "stores", postgres=True, redis=True))
        stores = Stores(str(found.database_url), str(found.redis_url))
        database = Database(stores.database_url)
        simulator = stack.enter_context(simulate(_made(directory / "simulator"), run_seconds=0.4))
        receiver = stack.enter_context(receiving())
        settings = {
            **settings_for(stores, database, simulator.address),
            "admin_key": ADMIN_KEY,
            "webhook_allowed_hosts": "127.0.0.1",
        }
        home = _made(directory / "gateway")
        gateway = stack.enter_context(serve(home, database, settings=settings))
        (home / "prices.json").write_text(PRICES)
        run_fluxgate(home, "prices", "load", "prices.json", settings=settings)
        headers = {"authorization": f"Bearer {ADMIN_KEY}"}
        operator = stack.enter_context(
            httpx.Client(
                base_url=f"{gateway.address}/api/admin", headers=headers, trust_env=False, timeout=60
            )
        )
        teams = move_in(gateway, operator, f"{simulator.address}/files/none.png")
        # The counters of limits are made from the ledger, in which the past stands as well.
        run_fluxgate(home, "ledger", "check", "--repair", settings=settings)
        yield Scene(gateway, teams, work_today(gateway, teams, receiver))


def take(visitor: Visitor, shot: Shot, directory: Path) -> None:
    """The pictures of one page."""
    visitor.open(shot.path)
    for scheme in ("light", "dark") if shot.is_dark_too else ("light",):
        for size, word in ((DESKTOP, "desktop"), (PHONE, "phone")):
            visitor.scheme(scheme)
            visitor.resize(size)
            visitor.open(shot.path)
            visitor.run(ALL_IS_THERE)
            name = f"{shot.name}-{word}{'-dark' if scheme == 'dark' else ''}.png"
            visitor.screenshot(directory / name)
            make_small(directory / name, LONGEST_PIXELS)
    visitor.scheme("light")
    visitor.resize(DESKTOP)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--only", default="", help="pages whose name begins like this")
    arguments = parser.parse_args()
    directory: Path = arguments.directory
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fluxgate-screenshots-") as place, scene(Path(place)) as found:
        lead, artist = (team.keys[0].secret for team in found.teams[:2])
        keys = {"admin": ADMIN_KEY, "team": lead, "artist": artist}
        missing = []
        with chromium(Path(place), seconds=BROWSER_SECONDS) as tab:
            visitor = Visitor(tab, found.gateway.address)
            tab.call("Emulation.setScrollbarsHidden", hidden=True)
            for shot in shots(found.job_id):
                if not shot.name.startswith(arguments.only):
                    continue
                tab.call("Network.clearBrowserCookies")
                if shot.who in keys:
                    visitor.sign_in(keys[shot.who])
                visitor.open(shot.path)
                if visitor.text("h1") == "Not Found":
                    missing.append(shot.name)
                    continue
                take(visitor, shot, directory)
    if missing:
        sys.stderr.write(f"not there: {', '.join(missing)}\n")
    return 1 if missing else 0


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True)
    return directory


if __name__ == "__main__":
    sys.exit(main())
