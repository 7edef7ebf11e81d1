"""The parts behind the upstream's webhooks, in one object that the lifespan opens where there are any."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from app.callers.pepper import derived_key
from app.settings import Settings
from app.storage.postgres import Database
from app.upstream.profiles import PROFILES
from app.upstream.reach import is_on_the_internet
from app.upstream.web_keys import WebKeySource
from app.webhooks.incoming_address import PURPOSE, IncomingAddresses
from app.webhooks.incoming_health import IncomingHealth
from app.webhooks.incoming_health_repository import IncomingHealthRepository
from app.webhooks.incoming_keys import IncomingKeys


@dataclass(frozen=True, slots=True)
class Incoming:
    """What it takes to be called back.

    Attributes:
        addresses: where the upstream is to call.
        keys: by which its calls are recognised.
        health: whether its calls arrive.
    """

    addresses: IncomingAddresses
    keys: IncomingKeys
    health: IncomingHealth


def open_incoming(
    settings: Settings, database: Database, pepper: bytes, public_url: str, stack: AsyncExitStack
) -> Incoming | None:
    """The parts, where the upstream can call back and is to; `public_url` is empty where nobody serves."""
    if not PROFILES[settings.upstream_profile].has_webhooks or not _is_wanted(settings):
        return None
    source = WebKeySource(
        settings.upstream_jwks_url, connect_seconds=settings.upstream_connect_timeout_seconds
    )
    stack.push_async_callback(source.close)
    return Incoming(
        addresses=IncomingAddresses(
            settings.public_url or public_url or None, key=derived_key(pepper, PURPOSE)
        ),
        keys=IncomingKeys(source.fetch),
        health=IncomingHealth(IncomingHealthRepository(database)),
    )


def _is_wanted(settings: Settings) -> bool:
    if settings.upstream_webhooks == "auto":
        return is_on_the_internet(settings.public_url)
    return settings.upstream_webhooks == "on"
