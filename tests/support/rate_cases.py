"""What the sliding window has to say, whoever keeps it: the process or Redis."""

from dataclasses import dataclass
from uuid import uuid4

from app.callers.caller import Caller, RateLimit

MICROS = 1_000_000


@dataclass(frozen=True)
class RateCase:
    """Submits that were let pass so many seconds ago, for each limit, and what is said to one more.

    `left` is, for each limit, what remains and after how many seconds the next comes back.
    """

    name: str
    per_minute: tuple[int, ...]
    seconds_ago: tuple[tuple[float, ...], ...]
    is_admitted: bool
    left: tuple[tuple[int, float], ...]


RATE_CASES = (
    RateCase("the first", (3,), ((),), is_admitted=True, left=((2, 60),)),
    RateCase("the last that fits", (3,), ((50, 20),), is_admitted=True, left=((0, 10),)),
    RateCase("one too many", (3,), ((50, 20, 20),), is_admitted=False, left=((0, 10),)),
    RateCase("all at once", (3,), ((7, 7, 7),), is_admitted=False, left=((0, 53),)),
    RateCase("exactly a window ago is over", (1,), ((60,),), is_admitted=True, left=((0, 60),)),
    RateCase("a moment less is not", (1,), ((59.999999,),), is_admitted=False, left=((0, 0.000001),)),
    RateCase("long ago", (2,), ((4000, 61, 5),), is_admitted=True, left=((0, 55),)),
    RateCase("both have room", (2, 5), ((30,), (40, 30)), is_admitted=True, left=((0, 30), (2, 20))),
    RateCase("the first is full", (1, 5), ((30,), (30,)), is_admitted=False, left=((0, 30), (4, 30))),
    RateCase("the second is full", (9, 1), ((), (30,)), is_admitted=False, left=((9, 0), (0, 30))),
    RateCase("both are full", (1, 1), ((10,), (20,)), is_admitted=False, left=((0, 50), (0, 40))),
    RateCase("lowered: three must go first", (1,), ((50, 40, 30),), is_admitted=False, left=((0, 30),)),
    RateCase("raised: there is room at once", (9,), ((50, 40, 30),), is_admitted=True, left=((5, 10),)),
    RateCase("nothing is allowed", (0,), ((),), is_admitted=False, left=((0, 60),)),
    RateCase("a clock set back a little", (1,), ((-20,),), is_admitted=False, left=((0, 80),)),
    RateCase("a clock set back, with room", (2,), ((-20,),), is_admitted=True, left=((0, 60),)),
    RateCase("a clock set back by hours", (1,), ((-7200,),), is_admitted=True, left=((0, 60),)),
)


def limits_of(per_minute: tuple[int, ...]) -> tuple[RateLimit, ...]:
    """Limits of a new key and of a new team, in this order."""
    scopes = ("key", "team")
    return tuple(RateLimit(scope, uuid4(), number) for scope, number in zip(scopes, per_minute, strict=False))


def limited_caller(
    *, key: int | None = None, team: int | None = None, colleague: Caller | None = None
) -> Caller:
    """A caller with a new key that may submit so often, and in the colleague's team if there is one."""
    key_id, team_id = uuid4(), colleague.team_id if colleague else uuid4()
    limits = (("key", key_id, key), ("team", team_id, team))
    return Caller(
        key_id=key_id,
        key_name="a key",
        team_id=team_id,
        team_name="a team",
        rates=tuple(
            RateLimit(scope, scope_id, number) for scope, scope_id, number in limits if number is not None
        ),
    )
