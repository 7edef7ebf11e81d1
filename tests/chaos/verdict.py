"""What is true once everything is well again, and whether that is what was promised."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.world import World
from tests.support.checker import check_deliveries, check_history, is_settled
from tests.support.load import Told
from tests.support.processes import run_fluxgate
from tests.support.stores import PEPPER
from tests.support.waiting import until

SETTLE_SECONDS = 120.0
# The next try of a webhook may be hours away; nobody waits for that here.
NEARER = "UPDATE work SET due_at = now() WHERE kind = 'deliver' AND NOT is_leased AND due_at > now()"
STATES = "SELECT state, count(*) AS number FROM jobs GROUP BY state ORDER BY state"
TOLD_OF = "SELECT id FROM jobs WHERE webhook_url IS NOT NULL AND completed_at IS NOT NULL"
OURS = ("request.failed", "work.failed", "background.died")


@dataclass
class Verdict:
    """The whole of a run: what happened, what came of it, and what of that was not promised."""

    faults: Counter[str]
    told: Told
    violations: list[str] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)
    accepted: int = 0
    webhooks: int = 0

    def lines(self) -> list[str]:
        """As a table."""
        answers = ", ".join(f"{what} {status}: {n}" for (what, status), n in sorted(self.told.codes.items()))
        rows = [
            ("submits", f"{self.told.asked}"),
            ("answered with success", f"{len(self.told.answered)}"),
            ("refused, nothing sent", f"{len(self.told.refused)}"),
            ("not known to their callers", f"{len(self.told.unsure)}"),
            ("jobs by state", ", ".join(f"{state} {n}" for state, n in self.states.items())),
            ("accepted upstream", f"{self.accepted}"),
            ("webhooks received", f"{self.webhooks}"),
            ("answers (0 is none)", answers),
            ("faults", ", ".join(f"{name} {n}" for name, n in sorted(self.faults.items()))),
            ("violations", f"{len(self.violations)}"),
        ]
        width = max(len(name) for name, _ in rows)
        return [f"{name:<{width}}  {value}" for name, value in rows] + [f"  ! {v}" for v in self.violations]


def judge(world: World, told: Told, faults: Counter[str], directory: Path) -> Verdict:
    """Waits until nothing is owed any more, and reads the whole history."""
    verdict = Verdict(faults, told, list(told.wrong))
    for check in (
        lambda: until(lambda: _is_over(world), SETTLE_SECONDS),
        lambda: check_history(world.database, [world.upstream.simulator], told.answered, told.refused),
        lambda: check_deliveries(world.receiver.requests, _owed(world)),
        lambda: _check_trail(world, directory),
    ):
        _try(check, verdict)
    for part in world.parts:
        verdict.violations += [f"{part.name}: {line[:400]}" for line in part.logged(*OURS)]
    verdict.states = {row["state"]: row["number"] for row in world.database.rows(STATES)}
    verdict.accepted = len(world.upstream.simulator.inside()["accepted"])
    verdict.webhooks = len(world.receiver.requests)
    return verdict


def _try(check: Callable[[], object], verdict: Verdict) -> None:
    try:
        check()
    except AssertionError as broken:
        verdict.violations.append(str(broken).splitlines()[0])


def _is_over(world: World) -> bool:
    world.database.rows(NEARER)
    return is_settled(world.database)


def _owed(world: World) -> list[str]:
    return [str(row["id"]) for row in world.database.rows(TOLD_OF)]


def _check_trail(world: World, directory: Path) -> None:
    settings = {"database_url": world.database.url, "key_pepper": PEPPER}
    done = run_fluxgate(directory, "audit", "verify", settings=settings)
    assert done.returncode == 0, f"the trail does not verify: {done.stderr}"
