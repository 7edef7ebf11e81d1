"""A process that may take so much more memory, in a control group of its own, as a container has one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from tests.support.waiting import until

# Where control groups are, by what tells that they are there: of the second version, and of the first.
ROOTS = (
    (Path("/sys/fs/cgroup"), "cgroup.controllers", "memory.max"),
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.limit_in_bytes"),
)


@contextmanager
def limited_memory(pid: int, more_bytes: int) -> Iterator[bool]:
    """Beyond so much more than it has it is killed; whether that can be had here."""
    made = _group(more_bytes)
    if made is None:
        yield False
        return
    try:
        (made / "cgroup.procs").write_text(str(pid))
        yield True
    finally:
        # Whoever is in it goes back; a process that has just died leaves it a moment later.
        for line in (made / "cgroup.procs").read_text().split():
            (made.parent / "cgroup.procs").write_text(line)
        until(lambda: _is_removed(made))


def _group(limit_bytes: int) -> Path | None:
    for root, sign, limit in ROOTS:
        group = root / f"fluxgate-{uuid4().hex}"
        if not (root / sign).exists():
            continue
        with suppress(OSError):
            group.mkdir()
            try:
                (group / limit).write_text(str(limit_bytes))
            except OSError:
                group.rmdir()
                raise
            return group
    return None


def _is_removed(group: Path) -> bool:
    try:
        os.rmdir(group)  # noqa: PTH106 # of a directory that is full of files which are none
    except OSError:
        return False
    return True
