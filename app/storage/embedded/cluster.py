"""The database cluster on disk: made once, whole or not at all."""

import os
import shutil
import subprocess
from pathlib import Path

from app.errors import StartupError
from app.storage.embedded.account import Account
from app.storage.embedded.lock_file import LockFile
from app.storage.embedded.server_process import ENVIRONMENT
from app.storage.embedded.wheels import postgresql_program

VERSION = "18"
SUPERUSER = "postgres"
# The gateway works as an ordinary role: one that may make databases (the tests do) but not touch files.
ROLE = "fluxgate"
DATABASE = "fluxgate"
FIRST_STATEMENTS = f"CREATE ROLE {ROLE} LOGIN CREATEDB;\nCREATE DATABASE {DATABASE} OWNER {ROLE};\n"
INITDB_TIMEOUT_SECONDS = 120.0


def ensure_cluster(cluster: Path, account: Account, lock: LockFile) -> None:
    """Makes the cluster with the role and the database of the gateway, unless it is there already.

    Raises:
        StartupError: it cannot be made, or was made by another version of PostgreSQL.
    """
    if not cluster.exists():
        _make(cluster, account, lock)
    version = (cluster / "PG_VERSION").read_text().strip()
    if version != VERSION:
        raise StartupError(
            f"{cluster} was made by PostgreSQL {version}, but the installed wheel has {VERSION}: "
            "dump the data with that version, or choose another data directory"
        )
    account.own(cluster)


def _make(cluster: Path, account: Account, lock: LockFile) -> None:
    # Under another name until it is complete, so that a crash in between leaves nothing that looks usable.
    unfinished = cluster.with_name("cluster.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    account.own(unfinished)
    _run(account, lock, cluster.parent, _initdb(unfinished))
    _run(account, lock, cluster.parent, _single_user(unfinished), FIRST_STATEMENTS)
    unfinished.rename(cluster)
    _sync(cluster.parent)


def _initdb(directory: Path) -> list[str | Path]:
    return [
        postgresql_program("initdb"),
        f"--pgdata={directory}",
        f"--username={SUPERUSER}",
        "--encoding=UTF8",
        # PostgreSQL's own C.UTF-8 is the same on every machine, whatever locales are installed.
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        # The directory of the socket lets in nobody else, and no port is opened.
        "--auth-local=trust",
        "--auth-host=reject",
        "--no-instructions",
    ]


def _single_user(directory: Path) -> list[str | Path]:
    program = postgresql_program("postgres")
    return [program, "--single", "-D", directory, "-c", "exit_on_error=on", SUPERUSER]


def _run(
    account: Account, lock: LockFile, directory: Path, command: list[str | Path], statements: str = ""
) -> None:
    # Should we be killed meanwhile, the lock tells the next start that this program still writes here.
    result = subprocess.run(  # noqa: S603 # the words are our own
        account.command(directory, *command),
        input=statements,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        pass_fds=[lock.descriptor],
        start_new_session=True,
        timeout=INITDB_TIMEOUT_SECONDS,
        check=False,
    )
    if result.returncode != 0:
        said = result.stderr.strip().splitlines() or ["it said nothing"]
        raise StartupError(f"PostgreSQL: {Path(command[0]).name} failed in {directory}: {said[-1]}")


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
