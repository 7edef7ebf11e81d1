"""At which ages jobs of a model are looked at, as the last of them have ended. Pure.

Every look costs the upstream a request and every moment between an end and the look that finds it keeps
somebody waiting. Of all ways to spread looks over the ages at which jobs may end, the plan is the one that
would have been cheapest for the runs that were seen: one look where all took the same time, a few where they
differ, and few in a gap where none ended.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import Final

# So late an end may be found rather than with one more look; twice as late is four times as bad.
TOLERATED_SECONDS: Final = 0.45
TOLERATED_SHARE: Final = 0.025
# More points would follow chance, and what it takes to plan grows with their square.
POINTS: Final = 16

AFTER_EXPECTED_END: Final = 1.01
GRACE_SECONDS: Final = 0.05
# Where none of the last runs ended another may: it is found at half again its age at the latest.
GAP_STEP_SHARE: Final = 0.5
# A look that has come a little early is not made again at once.
NEAR_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known of a model's run times.

    Attributes:
        typical_seconds: the median time from acceptance to completion.
        looks: the ages at which a job is looked at, rising; behind the last, few have ever ended.
    """

    typical_seconds: float
    looks: tuple[float, ...]

    def wait_seconds(self, age_seconds: float) -> float | None:
        """How long until the next look at a job of this age, as planned or sooner; None behind the last."""
        following = bisect_right(self.looks, age_seconds + NEAR_SECONDS)
        if following == len(self.looks):
            return None
        planned = self.looks[following] - age_seconds
        return planned if following == 0 else min(planned, GAP_STEP_SHARE * age_seconds)


def plan_for(runs: Sequence[float]) -> Plan:
    """The plan for a model some of whose jobs took these times, in seconds; at least one."""
    points = _points(sorted(runs))
    looks = tuple(points[last] * AFTER_EXPECTED_END + GRACE_SECONDS for last in _cheapest(points))
    return Plan(median(runs), looks)


def _points(rising: Sequence[float]) -> list[float]:
    """All of few, and of many those in the middles of as many equal parts."""
    number = min(len(rising), POINTS)
    return [rising[int((point + 0.5) * len(rising) / number)] for point in range(number)]


def _cheapest(points: Sequence[float]) -> list[int]:
    """Behind which points to look, at the lowest cost of looks and of lags squared together.

    From the last point back: whatever was looked at before, the rest is divided in the same way.
    """
    number = len(points)
    costs = [0.0] * number + [0.0]
    lasts = [0] * number
    for first in reversed(range(number)):
        costs[first] = inf
        weights = moments = squares = 0.0
        for last in range(first, number):
            weight = (TOLERATED_SECONDS + TOLERATED_SHARE * points[last]) ** -2
            weights += weight
            moments += weight * points[last]
            squares += weight * points[last] ** 2
            lags = points[last] ** 2 * weights - 2 * points[last] * moments + squares
            # Each look is paid by all that have not ended before it.
            cost = (number - first) + lags + costs[last + 1]
            if cost < costs[first]:
                costs[first], lasts[first] = cost, last
    looks, first = [], 0
    while first < number:
        looks.append(lasts[first])
        first = lasts[first] + 1
    return looks
