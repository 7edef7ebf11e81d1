"""PgBouncer in transaction mode before a database: each statement of a client may meet another session."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from sqlalchemy import make_url

from tests.support.database import Database
from tests.support.debian import program, require
from tests.support.fault_proxy import spoiling
from tests.support.ports import LOOPBACK, free_port
from tests.support.processes import running
from tests.support.waiting import until

PACKAGE = "pgbouncer"
PROGRAM = program("pgbouncer")
LOST = "the gateway was NOT run behind a pooler in transaction mode"
# Fewer sessions than the gateway has connections, so that they are handed round.
SESSIONS = 3
CONFIGURATION = """
[databases]
{name} = host={loopback} port={port} user={user} dbname={name}
[pgbouncer]
listen_addr = {loopback}
listen_port = {listen_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 200
server_round_robin = 1
"""
AS_NOBODY = "user = nobody\n"


@contextmanager
def pooled(database: Database, directory: Path) -> Iterator[str]:
    """The address of this database behind a pooler."""
    binary = require(PROGRAM, PACKAGE, lost=LOST)
    url = make_url(database.url)
    # The pooler does not run as root, and the socket of the tests' PostgreSQL is for one account alone.
    with spoiling(database.url) as wire:
        port = free_port()
        file = directory / "pgbouncer.ini"
        names = {"name": url.database, "user": url.username, "port": wire.port}
        lines = CONFIGURATION.format(loopback=LOOPBACK, listen_port=port, sessions=SESSIONS, **names)
        file.write_text(lines + (AS_NOBODY if os.geteuid() == 0 else ""))
        address = f"postgresql://{url.username}@{LOOPBACK}:{port}/{url.database}"
        with running(directory, binary, str(file)) as child:
            until(lambda: not child.is_running or _answers(Database(address)))
            assert child.is_running, child.log()
            yield address


def _answers(database: Database) -> bool:
    try:
        return bool(database.rows("SELECT 1"))
    except (OSError, asyncpg.PostgresError):
        return False
