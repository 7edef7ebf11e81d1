"""How long jobs of a model usually take, learned from those that ended."""

from collections import defaultdict, deque
from statistics import median

REMEMBERED_RUNS = 64


class RunTimes:
    """The median of the last runs of each model, in seconds."""

    def __init__(self) -> None:
        self._runs: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=REMEMBERED_RUNS))
        self._typical: dict[str, float] = {}

    def learn(self, model_id: str, seconds: float) -> None:
        """One more run."""
        runs = self._runs[model_id]
        runs.append(seconds)
        self._typical[model_id] = median(runs)

    def typical_seconds(self, model_id: str) -> float | None:
        """The median, or None before the first run was seen."""
        return self._typical.get(model_id)
