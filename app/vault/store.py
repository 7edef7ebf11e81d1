"""Where the bytes are: a directory of this machine, or a bucket of any S3."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from app.errors import VaultUnavailable
from app.settings import Settings

RETRY_AFTER_SECONDS: Final = 10
CALL_SECONDS: Final = 20
CONNECT_SECONDS: Final = 5
DIRECTORY: Final = "vault"

log = structlog.get_logger()


class ObjectStore:
    """Bytes by name. Nothing here knows what they are.

    Attributes:
        is_well: whether the last call was answered; None before the first.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened: LocalStore | S3Store | None = None
        self.is_well: bool | None = None

    async def put(self, name: str, content: bytes) -> None:
        """Writes bytes whole or not at all; the same again changes nothing.

        Raises:
            VaultUnavailable: they may be there or not.
        """
        with self._translated():
            await obstore.put_async(await self._open(), name, content, use_multipart=False)

    async def whole(self, name: str) -> bytes | None:
        """All bytes of what is small; None where nothing is.

        Raises:
            VaultUnavailable: the store does not answer.
        """
        with self._translated(), suppress(FileNotFoundError):
            found = await obstore.get_async(await self._open(), name)
            return bytes(await found.bytes_async())
        return None

    async def piece(self, name: str, *, at: int, size: int) -> bytes | None:
        """So many bytes from there on; None where nothing is.

        Raises:
            VaultUnavailable: the store does not answer.
        """
        with self._translated(), suppress(FileNotFoundError):
            return bytes(await obstore.get_range_async(await self._open(), name, start=at, length=size))
        return None

    async def delete(self, name: str) -> None:
        """Takes something away; where nothing is, nothing is to be done.

        Raises:
            VaultUnavailable: it may be gone or not.
        """
        with self._translated(), suppress(FileNotFoundError):
            await obstore.delete_async(await self._open(), name)

    async def _open(self) -> LocalStore | S3Store:
        """The store, which a gateway that keeps nothing never opens."""
        if self._opened is None:
            # A directory may be on a slow disk.
            self._opened = await asyncio.to_thread(_open, self._settings)
        return self._opened

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            if self.is_well is not False:
                log.warning("vault.store_unavailable", error=str(error).partition("\n")[0])
            self.is_well = False
            raise VaultUnavailable(
                "The picture store does not answer right now; try again.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            ) from error
        if self.is_well is False:
            log.info("vault.store_available")
        self.is_well = True


def _open(settings: Settings) -> LocalStore | S3Store:
    return _directory(settings) if settings.vault_url is None else _bucket(settings)


def _directory(settings: Settings) -> LocalStore:
    """A directory that is for nobody else to read."""
    path = settings.data_dir / DIRECTORY
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return LocalStore(path.absolute())


def _bucket(settings: Settings) -> S3Store:
    parts = urlsplit(settings.vault_url or "")
    endpoint, names = settings.vault_s3_endpoint, {"region": settings.vault_s3_region or "us-east-1"}
    if endpoint is not None:
        names["endpoint"] = endpoint
    if settings.vault_access_key is not None and settings.vault_secret_key is not None:
        names["access_key_id"] = settings.vault_access_key.get_secret_value()
        names["secret_access_key"] = settings.vault_secret_key.get_secret_value()
    seconds = timedelta(seconds=CALL_SECONDS)
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        config=names,  # type: ignore[arg-type] # the type of these names is not there at run time
        client_options={
            "timeout": seconds,
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "allow_http": (endpoint or "").startswith("http:"),
        },
        retry_config={"max_retries": 1, "retry_timeout": seconds},
    )
