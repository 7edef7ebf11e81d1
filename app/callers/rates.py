"""Rate limits of a key and its team: shared by all processes through Redis, kept by each alone without it."""

import asyncio
import time
from collections.abc import Callable

import structlog

from app.callers.caller import Caller
from app.callers.rate_script import ADMIT, admit_call, state_of
from app.callers.rate_window import RateState, RecentSubmits
from app.errors import RateLimited
from app.storage.redis import ScriptCall, Speed

__all__ = ["RateState", "Rates"]

log = structlog.get_logger()


def _monotonic_micros() -> int:
    return time.monotonic_ns() // 1000


def _nobody_listens(_is_degraded: bool) -> None:
    pass


class Rates:
    """Lets submits pass or refuses them.

    What arrives in the same turn of the event loop goes to Redis together: a burst with a connection for
    each would take longer than the deadline.
    """

    def __init__(
        self,
        speed: Speed,
        *,
        on_degraded: Callable[[bool], None] = _nobody_listens,
        clock_micros: Callable[[], int] = _monotonic_micros,
    ) -> None:
        """Takes the parts.

        Args:
            speed: Redis, with its deadline.
            on_degraded: is told True when this process begins to limit by itself, False when Redis is back.
            clock_micros: a clock that never goes back.
        """
        self._speed = speed
        self._on_degraded = on_degraded
        self._clock_micros = clock_micros
        self._is_degraded = False
        self._recent = RecentSubmits()
        self._asking: list[tuple[ScriptCall, asyncio.Future[list[int] | None]]] = []

    async def admit(self, caller: Caller) -> RateState | None:
        """Counts one submit of this caller; None for a caller without limits, of whom nothing is asked.

        Redis decides. Without it this process's own log decides; the log also refuses where Redis has lost
        what this process let pass, so an emptied Redis opens no new window here.

        Raises:
            RateLimited: the key or the team has no room; nothing was counted.
        """
        if not caller.rates:
            return None
        arrived_micros = self._clock_micros()
        own = self._recent.decide(caller.rates, arrived_micros)
        answer = await self._ask_together(admit_call(caller, may_take=own.is_admitted))
        self._notice()
        if answer is None:
            # Others may have passed while this one waited.
            state = self._recent.decide(caller.rates, arrived_micros)
        else:
            state = state_of(caller.rates, answer)
            if state.has_room and not state.is_admitted:
                state = own
        if not state.is_admitted:
            raise _refusal(state)
        # It arrived before Redis saw it: this log frees a place no later than Redis does.
        self._recent.add(caller.rates, arrived_micros)
        return state

    def require_room(self, caller: Caller) -> None:
        """Lets a caller pass who seems to have a submit left, as far as this process knows by itself.

        It counts nothing and asks nobody: it is for what costs something before the submit is counted.

        Raises:
            RateLimited: this process alone has let pass as many as the key or the team may send.
        """
        if not caller.rates:
            return
        state = self._recent.decide(caller.rates, self._clock_micros())
        if not state.is_admitted:
            raise _refusal(state)

    async def _ask_together(self, call: ScriptCall) -> list[int] | None:
        """Redis's answer to one call; the first of those that come together sends all."""
        answer: asyncio.Future[list[int] | None] = asyncio.get_running_loop().create_future()
        self._asking.append((call, answer))
        if len(self._asking) == 1:
            await self._send()
        return await answer

    async def _send(self) -> None:
        batch = self._asking
        answers: list[list[int] | None] = [None]
        try:
            await asyncio.sleep(0)
            self._asking = []
            answers = await self._speed.run(ADMIT, [call for call, _ in batch])
        finally:
            # Whoever sends may be broken off; then the others have no answer, but they do not wait for ever.
            if self._asking is batch:
                self._asking = []
            answers += [None] * (len(batch) - len(answers))
            for (_, waiting), answer in zip(batch, answers, strict=True):
                if not waiting.done():
                    waiting.set_result(answer)

    def _notice(self) -> None:
        """Tells of a change once, by the same measure as the line about Redis itself."""
        if self._speed.is_left_alone == self._is_degraded:
            return
        self._is_degraded = self._speed.is_left_alone
        if self._is_degraded:
            log.warning("rates.local")
        else:
            log.info("rates.shared")
        self._on_degraded(self._is_degraded)


def _refusal(state: RateState) -> RateLimited:
    quota = state.tightest
    return RateLimited(
        f"This {quota.scope} may submit {quota.per_minute} times a minute; "
        f"try again in {quota.reset_seconds} s.",
        retry_after_seconds=quota.reset_seconds,
        headers=state.headers,
    )
