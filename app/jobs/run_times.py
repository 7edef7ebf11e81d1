"""How long jobs of a model take, learned from those that ended."""

from collections import deque
from dataclasses import dataclass, field
from math import inf
from typing import Final

from app.jobs.plan import Plan, plan_for

REMEMBERED_RUNS: Final = 64
# Of jobs that begin together the short ones end first and the long ones last. What is remembered reaches back
# over two typical runs at least, so that it is not the last of them alone: so many runs for each.
RUNS_FOR_EACH_TYPICAL: Final = REMEMBERED_RUNS / 2
# The first ones are taken as they come.
FIRST_RUNS: Final = 8
# While there are fewer than are remembered a plan is made anew after each run, and then after so many.
FRESH_RUNS: Final = 8


@dataclass(slots=True)
class _Runs:
    """The runs of one model, and what was made of them."""

    last: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED_RUNS))
    fresh: int = 0
    learned_at: float = -inf
    plan: Plan | None = None

    def add(self, seconds: float) -> None:
        self.last.append(seconds)
        self.fresh += 1


class RunTimes:
    """The last runs of each model, and the plan for its next jobs."""

    def __init__(self) -> None:
        self._runs: dict[str, _Runs] = {}

    def remember(self, model_id: str, seconds: float) -> None:
        """A run of before this process, in the order of their submits."""
        self._runs.setdefault(model_id, _Runs()).add(seconds)

    def learn(self, model_id: str, seconds: float, now: float) -> None:
        """A run that was just seen to end; `now` is in seconds and only ever rises."""
        runs = self._runs.setdefault(model_id, _Runs())
        plan = self.plan(model_id)
        is_soon = plan is not None and now - runs.learned_at < plan.typical_seconds / RUNS_FOR_EACH_TYPICAL
        if is_soon and len(runs.last) >= FIRST_RUNS:
            return
        runs.learned_at = now
        runs.add(seconds)

    def plan(self, model_id: str) -> Plan | None:
        """How its jobs are looked at, or None before the first run was seen."""
        runs = self._runs.get(model_id)
        if runs is None or not runs.last:
            return None
        enough = FRESH_RUNS if len(runs.last) == REMEMBERED_RUNS else 1
        if runs.plan is None or runs.fresh >= enough:
            runs.plan, runs.fresh = plan_for(runs.last), 0
        return runs.plan
