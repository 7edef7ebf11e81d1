"""The embedded PostgreSQL: its settings, and whether it answers."""

import signal
from pathlib import Path

from app.errors import StartupError
from app.storage.embedded.account import Account
from app.storage.embedded.cluster import DATABASE, ROLE, ensure_cluster
from app.storage.embedded.layout import Layout
from app.storage.embedded.lock_file import LockFile
from app.storage.embedded.server import EmbeddedServer
from app.storage.embedded.server_process import ServerProcess, runs
from app.storage.embedded.sockets import talk
from app.storage.embedded.wheels import postgresql_program

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "jit": "off",
    # It is written twice for each statement, which took a twentieth of the CPU of those of a job.
    "update_process_title": "off",
    "autovacuum": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    # All of it fits in memory, so processes that only read files ahead would be in the way.
    "io_method": "sync",
    # Shared memory taken at start: systemd removes segments in /dev/shm when their user logs out.
    "min_dynamic_shared_memory": "16MB",
}
SOCKET_NAME = ".s.PGSQL.5432"
# Every PostgreSQL answers this with one byte, whoever asks: may I use TLS?
TLS_QUESTION = bytes.fromhex("00000008 04d2162f")
# The line of postmaster.pid that tells whether the server is starting, ready or stopping.
STATUS_LINE = 7


class Postgresql(EmbeddedServer):
    """PostgreSQL on the cluster of one data directory."""

    # Long, because a server that was killed first replays what it had promised to keep.
    attach_timeout_seconds = 30.0
    start_timeout_seconds = 120.0

    def __init__(self, layout: Layout, account: Account, sockets: Path) -> None:
        self._layout = layout
        self._account = account
        self._sockets = sockets
        self.process = ServerProcess(
            name="PostgreSQL",
            lock_path=layout.run / "postgresql.lock",
            pid_path=layout.cluster / "postmaster.pid",
            log_path=layout.logs / "postgresql.log",
            mark=layout.cluster,
            # Fast shutdown, then immediate shutdown: both lose nothing that was committed.
            stop_signals=((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)),
        )

    @property
    def url(self) -> str:
        """For SQLAlchemy with asyncpg."""
        return f"postgresql+asyncpg://{ROLE}@/{DATABASE}?host={self._sockets}"

    def answers(self) -> bool:
        """Whether it is past recovery and takes connections."""
        return self._status() == "ready" and talk(self._socket, TLS_QUESTION) in (b"N", b"S")

    def is_hopeless(self) -> bool:
        """Also when it runs, but something has removed its socket: it makes one only when it starts."""
        return super().is_hopeless() or (self._status() == "ready" and not self._socket.exists())

    def prepare(self, lock: LockFile) -> None:
        """Makes the cluster if it is missing, and removes what a killed server left."""
        self._refuse_foreign_server()
        ensure_cluster(self._layout.cluster, self._account, lock)
        # PostgreSQL takes any living process with the number in such a file for a server, and gives up.
        for leftover in (self.process.pid_path, self._socket, self._sockets / f"{SOCKET_NAME}.lock"):
            leftover.unlink(missing_ok=True)

    def command(self) -> list[str]:
        """The server with its settings, which are given anew at each start and stand in no file."""
        settings = {**SETTINGS, "unix_socket_directories": f"{self._sockets}"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        program = postgresql_program("postgres")
        return self._account.command(self._layout.postgres, program, "-D", self._layout.cluster, *options)

    @property
    def _socket(self) -> Path:
        return self._sockets / SOCKET_NAME

    def _pid_file(self) -> list[str]:
        try:
            return self.process.pid_path.read_text().splitlines()
        except FileNotFoundError:
            return []

    def _status(self) -> str:
        lines = self._pid_file()
        return lines[STATUS_LINE].strip() if len(lines) > STATUS_LINE else ""

    def _refuse_foreign_server(self) -> None:
        # Our lock is free, so a server that runs here was started by hand; two would destroy the data.
        lines = self._pid_file()
        cluster = self._layout.cluster
        if lines and lines[0].isdigit() and runs(int(lines[0]), cluster):
            raise StartupError(f"{cluster} is in use by PostgreSQL process {lines[0]}; stop that one first")
