"""Everything that one process does in the background."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.jobs.job import ClaimedJob
from app.webhooks.delivery import ClaimedDelivery
from app.work.housekeeping import Housekeeping
from app.work.loop import Worker


@dataclass(frozen=True, slots=True)
class Workers:
    """The workers of this process.

    Attributes:
        follower: follows jobs to their ends.
        courier: delivers webhooks.
        housekeeping: what nothing waits for.
    """

    follower: Worker[ClaimedJob]
    courier: Worker[ClaimedDelivery]
    housekeeping: Housekeeping

    @property
    def claiming(self) -> Sequence[Worker[Any]]:
        """Those that take over rows of the work table."""
        return (self.follower, self.courier)

    def stop(self) -> None:
        """Nothing more is begun; what is under way is finished. Twice is once."""
        for worker in self.claiming:
            worker.stop()
        self.housekeeping.stop()
