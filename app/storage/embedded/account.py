"""As whom the servers run: ourselves where PostgreSQL accepts that, otherwise stepped down from root."""

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.errors import StartupError
from app.storage.embedded import step_down
from app.storage.embedded.server_process import ENVIRONMENT

PROBE_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Account:
    """The user that the servers run as, and how to become it.

    `uid` and `gid` own the servers' files, as seen from outside of a namespace; `inner` is the user that the
    servers themselves see.
    """

    way: Literal["direct", "capability", "namespace"]
    uid: int
    gid: int
    inner: tuple[int, int]

    def command(self, directory: Path, *command: str | Path) -> list[str]:
        """The command line that runs this command in the directory as this account."""
        words = [str(word) for word in command]
        if self.way == "direct":
            return words
        launcher = [sys.executable, "-I", "-S", step_down.__file__]
        return [*launcher, self.way, *map(str, self.inner), str(directory), *words]

    def own(self, path: Path) -> None:
        """Hands over a file or directory, with everything below it, unless it is this account's already."""
        if path.lstat().st_uid == self.uid:
            return
        # The top comes last: its owner tells the next start whether all of it has been handed over.
        for folder, directories, files in os.walk(path, topdown=False):
            for name in (*directories, *files):
                os.chown(Path(folder, name), self.uid, self.gid, follow_symlinks=False)
        os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def can_run(self, program: Path, directory: Path) -> bool:
        """Whether this account can enter the directory and run the program."""
        result = subprocess.run(  # noqa: S603 # both words are our own
            self.command(directory, program, "--version"),
            capture_output=True,
            check=False,
            env=ENVIRONMENT,
            timeout=PROBE_TIMEOUT_SECONDS,
        )
        return result.returncode == 0


def choose_account(program: Path, directory: Path) -> Account:
    """The account that runs PostgreSQL's program in the directory.

    Raises:
        StartupError: we are root, and this system allows no way to step down from it.
    """
    direct = Account("direct", os.geteuid(), os.getegid(), (os.geteuid(), os.getegid()))
    if os.geteuid() != 0 and _has_entry(os.geteuid()):
        return direct
    for account in _stepped_down():
        if account.can_run(program, directory):
            return account
    if os.geteuid() != 0:
        return direct
    raise StartupError(
        "PostgreSQL does not run as root, and this system lets root neither become another user nor make a "
        "user namespace: run as an ordinary user, or set FLUXGATE_DATABASE_URL and FLUXGATE_REDIS_URL"
    )


def _has_entry(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _stepped_down() -> Iterator[Account]:
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return
    inner = (nobody.pw_uid, nobody.pw_gid)
    if os.geteuid() == 0:
        yield Account("capability", *inner, inner)
    yield Account("namespace", os.geteuid(), os.getegid(), inner)
