"""Programs that are no package of Python's: the machine's, else installed by root, else done without."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

# Where programs are that root alone is meant to run.
BESIDE = ("/usr/sbin", "/usr/local/sbin")
INSTALL_SECONDS = 300.0

Find = Callable[[str], str | None]


def program(*names: str) -> Find:
    """Finds the first of these on a search path."""
    return lambda path: next((found for name in names if (found := shutil.which(name, path=path))), None)


def library(name: str) -> Find:
    """Finds a shared library where Debian puts it."""
    return lambda _path: next((str(found) for found in Path("/usr/lib").glob(f"*/{name}")), None)


def require(find: Find, package: str, *, lost: str) -> str:
    """Where it is; a test that needs it and cannot have it is skipped, and says what was NOT tried."""
    found = _found(find, package)
    if found is None:
        pytest.skip(f"no {package} is on this machine, and none could be installed: {lost}")
    return found


@cache
def _found(find: Find, package: str) -> str | None:
    return find_or_install(find, package, os.pathsep.join([os.environ.get("PATH", os.defpath), *BESIDE]))


def find_or_install(find: Find, package: str, path: str) -> str | None:
    """What is looked for, on this search path; root has Debian's package installed where it is missing."""
    with (Path(tempfile.gettempdir()) / f"fluxgate-{package}-{os.geteuid()}.lock").open("w") as lock:
        # Other test workers look for it at the same time.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return find(path) or (_install(find, package, path) if os.geteuid() == 0 else None)


def _install(find: Find, package: str, path: str) -> str | None:
    packager = shutil.which("apt-get", path=path)
    if packager is None:
        return None
    install = ("-y", "--no-install-recommends", "install", package)
    variables = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # The second time after the list of packages was fetched, which a fresh container does not have.
    for step in (install, ("update",), install):
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [packager, *step],
                env=variables,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=INSTALL_SECONDS,
            )
        if (found := find(path)) is not None:
            return found
    return None
