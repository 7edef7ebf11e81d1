"""The pepper of this installation: the secret without which stored digests of keys are worth nothing."""

import hmac
import os
import secrets
from pathlib import Path

from app.callers.repository import CallerRepository
from app.errors import StartupError
from app.settings import Settings

FILE_NAME = "key_pepper"
CHECK_NAME = "key_pepper_check"


def read_pepper(settings: Settings) -> bytes:
    """The pepper from the settings, else from the data directory, where the first start makes one."""
    if settings.key_pepper is not None:
        return settings.key_pepper.get_secret_value().encode()
    return _read_or_make(settings.data_dir / "secrets" / FILE_NAME)


async def check_pepper(pepper: bytes, repository: CallerRepository) -> None:
    """Makes sure that all processes on this database use the same pepper.

    Raises:
        StartupError: another one made the keys that are stored; none of them would be recognised.
    """
    check = hmac.digest(pepper, b"fluxgate key pepper", "sha256").hex()
    if await repository.remember(CHECK_NAME, check) != check:
        raise StartupError(
            "FLUXGATE_KEY_PEPPER: the keys in this database were made with another pepper; "
            "give every process the same FLUXGATE_KEY_PEPPER, or the same data directory"
        )


def derived_key(pepper: bytes, purpose: str) -> bytes:
    """A key for one purpose, 32 bytes; who learns it learns neither the pepper nor another key. Pure."""
    return hmac.digest(pepper, f"fluxgate {purpose}".encode(), "sha256")


def _read_or_make(path: Path) -> bytes:
    """Two processes that start at once agree: the one that links its file first wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"{FILE_NAME}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(32))
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return path.read_bytes()
        finally:
            draft.unlink()
    return path.read_bytes()
