"""Connections that keep the plans of their statements, until the tables have grown much since.

A plan is kept until the tables are analysed. Made while they are nearly empty it reads whole tables for a few
rows, and goes on doing so as they grow; the planner itself looks at how large they are now.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

import asyncpg

# When a process looks whether tables have grown: a new installation's do as statements are executed; later a
# queue may fill within seconds.
LOOK_AFTER: Final = frozenset({8, 32, 128, 512, 2048})
LOOK_SECONDS: Final = 15.0
# A change of a table's definition holds a lock for which this would wait.
SIZES_SECONDS: Final = 1.0
SIZES: Final = """
    SELECT array_agg(COALESCE(pg_relation_size(oid), 0) / current_setting('block_size')::int ORDER BY oid)
    FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
"""
# A table of so many pages is read in a tenth of a millisecond, and making the plans of a process anew takes
# hundreds.
SMALL_PAGES: Final = 32


class Growth:
    """How large the tables are, as far as the connections of one process know; one looks for all.

    `number` rises with every look that finds them grown: plans made before it was what it is are too old.
    """

    def __init__(self) -> None:
        self.number = 0
        self._executed = 0
        self._looked_at = time.monotonic()
        self._pages: Sequence[int] = ()

    def is_look_due(self) -> bool:
        """Asked before each statement; whoever is told so looks."""
        self._executed += 1
        now = time.monotonic()
        if self._executed not in LOOK_AFTER and now - self._looked_at < LOOK_SECONDS:
            return False
        self._looked_at = now
        return True

    def saw(self, pages: Sequence[int]) -> None:
        """So large they are now; of nothing nobody knows how large they are."""
        if not pages or have_grown(self._pages, pages):
            self._pages = pages
            self.number += 1


class PlanningConnection(asyncpg.Connection):  # type: ignore[misc] # asyncpg publishes no types
    """A connection that plans its statements once, and anew when tables have grown."""

    async def keep_plans(self, growth: Growth) -> None:
        """Plans each statement once instead of at every execution; called before the first.

        Our statements take arrays, for which the planner likes to plan anew each time; that was a third of
        PostgreSQL's CPU for a job. A page out of order costs what it costs on today's disks and in memory;
        the default is that of a turning one, for which a small table is better read whole. Each is a SET and
        not a startup parameter, which PgBouncer would refuse in its session mode.
        """
        self._growth, self._planned_at = growth, growth.number
        is_prepared = False
        try:
            await self.execute("SET plan_cache_mode = force_generic_plan")
            await self.execute("SET random_page_cost = 1.1")
            is_prepared = True
        finally:
            if not is_prepared:
                self.terminate()

    async def fetch(self, *values: Any, **named: Any) -> Any:  # noqa: ANN401 # as in the driver
        """Runs one statement; see `asyncpg.Connection.fetch`."""
        # What comes first in a transaction may have to: a level of isolation, for one.
        if not self.is_in_transaction():
            if self._growth.is_look_due():
                self._growth.saw(await self._pages())
            if self._planned_at != self._growth.number:
                self._planned_at = self._growth.number
                await self.execute("DISCARD PLANS")
        return await super().fetch(*values, **named)

    async def _pages(self) -> Sequence[int]:
        try:
            pages: Sequence[int] = await self.fetchval(SIZES, timeout=SIZES_SECONDS) or ()
        except TimeoutError:
            pages = ()
        return pages


def have_grown(before: Sequence[int], now: Sequence[int]) -> bool:
    """Whether a table has grown fourfold, in pages, so that plans may look otherwise now. Pure."""
    if len(before) != len(now):
        return True
    return any(new > max(4 * old, SMALL_PAGES) for old, new in zip(before, now, strict=True))
