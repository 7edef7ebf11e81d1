"""A world at work, a fault every so often, and a verdict."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

from tests.chaos.faults import Happening, known_here, named
from tests.chaos.verdict import Verdict, judge
from tests.chaos.world import World, world
from tests.support.gateway import make_keys
from tests.support.load import Wishes, asking

WORDS = (
    *[""] * 12,
    "[slow 1]",
    "[queue 1]",
    "[submit hang 1]",
    "[submit 500 accepted]",
    "[submit reset]",
    "[submit garbage]",
    "[submit 429 1]",
    "[status 500 2]",
    "[status hang 1]",
    "[result 500 1]",
    "[fail 422]",
    "[fail 500]",
)
CALLERS = 4
LIMITED_CALLERS = 2
LIMITED_MICROS = 2_000_000
LIMIT = """
    UPDATE allowances SET budget_micros = $1
    WHERE scope_id = (SELECT team_id FROM api_keys ORDER BY created_at DESC LIMIT 1)
"""
CANCELLED = 0.1
PAUSE_SECONDS = 0.2


def soak(
    directory: Path,
    *,
    seconds: float,
    every: float,
    seed: int,
    say: Callable[[str], object],
    happenings: Sequence[Happening] = (),
    earlier: Path | None = None,
) -> Verdict:
    """Breaks one thing after the other for so long; half of the time is for recovery.

    Every other process runs the code of the tree of an `earlier` release, if there is one.

    Without a list of what may happen, that is everything which this machine can bring about.
    """
    fate = Random(seed)
    faults: Counter[str] = Counter()
    happenings = happenings or known_here()
    with world(directory, earlier) as whole:
        keys = make_keys(whole.database, CALLERS)
        limited = _limited(whole)
        [foreign] = make_keys(whole.database, 1)
        wishes = Wishes(WORDS, whole.webhook, CANCELLED, foreign, PAUSE_SECONDS)
        addresses = [part.address for part in whole.replicas]
        with asking(addresses, [*keys, *limited], wishes, fate=Random(fate.random())) as told:
            ends_at = time.monotonic() + seconds
            for happening in _one_after_the_other(happenings, fate):
                time.sleep(every / 2)
                for part in whole.parts:
                    part.ready()
                if time.monotonic() + every / 2 > ends_at:
                    break
                say(f"{named(happening)} ({len(told.answered)} jobs so far)")
                with happening(whole, fate):
                    time.sleep(every / 2)
                faults[named(happening)] += 1
            whole.heal()
            time.sleep(every / 2)
            told.wrong += whole.gone()
        return judge(whole, told, faults, directory)


def _limited(whole: World) -> list[str]:
    """Keys of a team whose money will not last."""
    keys = make_keys(whole.database, LIMITED_CALLERS)
    whole.database.rows(LIMIT, LIMITED_MICROS)
    return keys


def _one_after_the_other(happenings: Sequence[Happening], fate: Random) -> Iterator[Happening]:
    """Each comes once before any comes twice."""
    while True:
        yield from fate.sample(happenings, len(happenings))
