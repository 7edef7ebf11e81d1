"""A process that serves takes as many open files as it may have."""

import resource
from collections.abc import Iterator

import pytest

from app.cli.open_files import ENOUGH, raise_open_files

FEW = 512


@pytest.fixture
def hard() -> Iterator[int]:
    """The limit above which none can be had, while little was given unasked."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_as_many_as_may_be_are_taken(hard: int) -> None:
    raise_open_files()
    soft, left = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert FEW < soft <= ENOUGH
    assert soft == ENOUGH or soft == left == hard


def test_what_is_enough_already_is_let_be(hard: int) -> None:
    raise_open_files()
    taken = resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_open_files()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == taken
    assert taken[1] == hard
