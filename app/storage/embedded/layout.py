"""Which file of the embedded services lies where under the data directory."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from app.errors import StartupError


@dataclass(frozen=True)
class Layout:
    """The places under one data directory.

    ::

        gateway.lock         held by the one process that serves
        logs/                what PostgreSQL and Redis say
        postgres/cluster/    the database cluster; `postgres/` is private, whoever the cluster belongs to
        redis/               Redis's process id; its contents are not kept
        run/                 locks and sockets: worthless after a stop
    """

    data_dir: Path

    @classmethod
    def open(cls, data_dir: Path) -> Self:
        """Makes the data directory if it is missing, for this user alone.

        Raises:
            StartupError: it cannot be made.
        """
        layout = cls(data_dir.resolve())
        _make(layout.data_dir)
        return layout

    def make_service_directories(self) -> None:
        """Makes what the servers need.

        Raises:
            StartupError: it cannot be made, or belongs to another user.
        """
        for directory in (self.run, self.logs, self.postgres, self.redis):
            _make(directory)
        for directory in (self.run, self.postgres):
            owner = directory.lstat().st_uid
            if owner != os.geteuid():
                raise StartupError(
                    f"FLUXGATE_DATA_DIR: {directory} belongs to user number {owner}: "
                    "run the command as that user, or choose another data directory"
                )

    @property
    def gateway_lock(self) -> Path:
        """Held by the one process that serves."""
        return self.data_dir / "gateway.lock"

    @property
    def run(self) -> Path:
        """Locks and sockets."""
        return self.data_dir / "run"

    @property
    def logs(self) -> Path:
        """What the servers say."""
        return self.data_dir / "logs"

    @property
    def postgres(self) -> Path:
        """Holds the cluster and keeps everyone else away from it."""
        return self.data_dir / "postgres"

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.postgres / "cluster"

    @property
    def redis(self) -> Path:
        """Redis's working directory."""
        return self.data_dir / "redis"

    @property
    def start_lock(self) -> Path:
        """Held alone while servers are started or stopped."""
        return self.run / "start.lock"

    @property
    def users_lock(self) -> Path:
        """Shared by every process that uses the servers."""
        return self.run / "users.lock"

    @property
    def sockets_note(self) -> Path:
        """Remembers where the sockets are when their path would be too long here."""
        return self.run / "sockets.json"


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartupError(f"FLUXGATE_DATA_DIR: cannot make {directory}: {error.strerror}") from error
