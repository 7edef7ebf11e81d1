"""The embedded Redis: its settings, and whether it answers."""

import signal
from pathlib import Path

from app.storage.embedded.account import Account
from app.storage.embedded.layout import Layout
from app.storage.embedded.lock_file import LockFile
from app.storage.embedded.server import EmbeddedServer
from app.storage.embedded.server_process import ServerProcess
from app.storage.embedded.sockets import talk
from app.storage.embedded.wheels import redis_program

SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    # Nothing is kept: PostgreSQL has the truth, Redis only makes it quick.
    "save": "",
    "appendonly": "no",
    "maxmemory": "128mb",
    "maxmemory-policy": "allkeys-lru",
    # The command line keeps the directory, by which the process can be told from others.
    "set-proc-title": "no",
    # The fault is in saving by a forked copy, which never happens here.
    "ignore-warnings": "ARM64-COW-BUG",
}


class RedisServer(EmbeddedServer):
    """Redis for one data directory."""

    attach_timeout_seconds = 5.0
    start_timeout_seconds = 15.0

    def __init__(self, layout: Layout, account: Account, sockets: Path) -> None:
        self._layout = layout
        self._account = account
        self._socket = sockets / "redis.sock"
        self.process = ServerProcess(
            name="Redis",
            lock_path=layout.run / "redis.lock",
            pid_path=layout.redis / "redis.pid",
            log_path=layout.logs / "redis.log",
            mark=layout.redis,
            stop_signals=((signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0)),
        )

    @property
    def url(self) -> str:
        """For redis-py."""
        return f"unix://{self._socket}"

    def answers(self) -> bool:
        """Whether it takes commands."""
        return talk(self._socket, b"PING\r\n").startswith(b"+PONG")

    def prepare(self, lock: LockFile) -> None:  # noqa: ARG002 # nothing is started before the server
        """Lets the account write its process id; Redis itself replaces what a killed one left."""
        self._account.own(self._layout.redis)

    def command(self) -> list[str]:
        """The server with its settings; it reads no file."""
        settings = {
            **SETTINGS,
            "unixsocket": f"{self._socket}",
            "pidfile": f"{self.process.pid_path}",
            "dir": f"{self._layout.redis}",
        }
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return self._account.command(self._layout.redis, redis_program(), *options)
