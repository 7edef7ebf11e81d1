"""Jobs as they were last seen, in memory, for as long as they may be believed."""

import time
from collections import OrderedDict
from typing import Generic, Protocol, TypeVar


class Weighed(Protocol):
    """Something that knows how much memory it takes."""

    @property
    def weight_bytes(self) -> int:
        """About how much memory it takes."""


View = TypeVar("View", bound=Weighed)


class ViewCache(Generic[View]):
    """The views seen last, up to a total weight; those not asked for the longest go first."""

    def __init__(self, *, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._weight_bytes = 0
        self._views: OrderedDict[str, tuple[View, float]] = OrderedDict()

    def get(self, job_id: str) -> View | None:
        """The view, unless there is none or it has to be asked for anew."""
        found = self._views.get(job_id)
        if found is None or found[1] < time.monotonic():
            return None
        self._views.move_to_end(job_id)
        return found[0]

    def last(self, job_id: str) -> View | None:
        """The view as it was seen last, however long ago."""
        found = self._views.get(job_id)
        return None if found is None else found[0]

    def put(self, job_id: str, view: View, *, believed_seconds: float) -> None:
        """Keeps a view."""
        until = time.monotonic() + believed_seconds
        self.forget(job_id)
        self._views[job_id] = (view, until)
        self._weight_bytes += view.weight_bytes
        while self._weight_bytes > self._limit_bytes:
            _, (oldest, _) = self._views.popitem(last=False)
            self._weight_bytes -= oldest.weight_bytes

    def forget(self, job_id: str) -> None:
        """Lets the next read ask anew."""
        gone = self._views.pop(job_id, None)
        if gone is not None:
            self._weight_bytes -= gone[0].weight_bytes
