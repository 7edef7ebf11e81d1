"""Who starts and who stops the embedded servers when several commands share one data directory.

Every process that uses them shares `users.lock`. Whoever comes makes sure, alone under `start.lock`, that the
servers run; whoever leaves stops them, alone under the same lock, if nobody else shares `users.lock` then.
The kernel drops the locks of a process that dies, so a crash leaves servers that the next one finds and uses.
"""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from app.errors import StartupError
from app.storage.embedded.account import choose_account
from app.storage.embedded.layout import Layout
from app.storage.embedded.lock_file import LockFile, taken
from app.storage.embedded.postgresql import Postgresql
from app.storage.embedded.redis_server import RedisServer
from app.storage.embedded.sockets import discard_sockets, socket_directory
from app.storage.embedded.wheels import postgresql_program


@dataclass(frozen=True)
class ServiceAddresses:
    """Where the servers are reached; none for a server that was not asked for."""

    database_url: str | None
    redis_url: str | None


@contextmanager
def embedded_services(data_dir: Path, *, postgres: bool, redis: bool) -> Iterator[ServiceAddresses]:
    """Lets the asked servers run under the data directory; the last process to leave stops them.

    Raises:
        StartupError: a server does not start, or its wheel is not installed.
    """
    if not (postgres or redis):
        yield ServiceAddresses(None, None)
        return
    layout = Layout.open(data_dir)
    layout.make_service_directories()
    with LockFile(layout.users_lock) as users, ExitStack() as on_exit:
        users.share()
        with taken(layout.start_lock), _failures_named(layout.data_dir):
            servers = _Servers.of(layout)
            on_exit.callback(_leave, servers, users)
            addresses = _start(servers, postgres=postgres, redis=redis)
        yield addresses


@contextmanager
def _failures_named(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, subprocess.SubprocessError) as error:
        raise StartupError(f"the embedded servers cannot start under {data_dir}: {error}") from error


@dataclass(frozen=True)
class _Servers:
    layout: Layout
    sockets: Path
    postgresql: Postgresql
    redis: RedisServer

    @classmethod
    def of(cls, layout: Layout) -> Self:
        account = choose_account(postgresql_program("postgres"), layout.postgres)
        sockets = socket_directory(layout, account)
        return cls(
            layout=layout,
            sockets=sockets,
            postgresql=Postgresql(layout, account, sockets),
            redis=RedisServer(layout, account, sockets),
        )


def _start(servers: _Servers, *, postgres: bool, redis: bool) -> ServiceAddresses:
    # Both are begun before either is waited for, so that they come up side by side.
    candidates = ((servers.redis, redis), (servers.postgresql, postgres))
    asked = [server for server, is_asked in candidates if is_asked]
    for server in asked:
        server.begin()
    for server in asked:
        server.finish()
    return ServiceAddresses(
        database_url=servers.postgresql.url if postgres else None,
        redis_url=servers.redis.url if redis else None,
    )


def _leave(servers: _Servers, users: LockFile) -> None:
    processes = (servers.redis.process, servers.postgresql.process)
    if not users.is_at(servers.layout.users_lock):
        # Somebody deleted the data directory, and others may already be at work in a new one.
        for process in processes:
            process.kill_child()
        return
    with taken(servers.layout.start_lock):
        if users.try_take():
            for process in processes:
                process.stop()
            discard_sockets(servers.layout, servers.sockets)
        # Let go while still holding the start lock, or the next to leave would take us for a user.
        users.release()
