"""Whatever the tests of one file send, their checker reads an upstream that nobody else has used."""

from collections.abc import Iterator

import pytest

from tests.support.simulator import Simulator, simulate


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """An upstream like fal whose jobs take 0.2 seconds, shared by the tests of one file."""
    with simulate(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator
