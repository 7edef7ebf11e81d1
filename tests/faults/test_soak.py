"""The short form of `make chaos`: a world of five processes, three faults in their order, a verdict."""

from pathlib import Path

import pytest

from tests.chaos.faults import all_killed, postgres_killed, worker_frozen
from tests.chaos.soak import soak

SECONDS = 26
# Half of it lasts longer than a lease.
EVERY_SECONDS = 8
SEED = 7


@pytest.mark.xdist_group("own postgresql")
def test_a_short_soak(tmp_path: Path) -> None:
    """Hypothesis: whatever happens one after the other, the history is one that was promised."""
    happenings = (worker_frozen, postgres_killed, all_killed)
    said: list[str] = []
    verdict = soak(
        tmp_path, seconds=SECONDS, every=EVERY_SECONDS, seed=SEED, say=said.append, happenings=happenings
    )
    assert not verdict.violations, "\n".join([*said, *verdict.lines()])
    assert len(verdict.told.answered) > 0
    assert verdict.faults
