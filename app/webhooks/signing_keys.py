"""The secrets that webhooks are signed with, as the settings give them."""

from base64 import b64decode
from collections.abc import Sequence

from app.settings import Settings


def read_seeds(settings: Settings) -> Sequence[bytes]:
    """The seeds of the Ed25519 keys, the one that signs first; none when the settings name none."""
    if settings.webhook_signing_keys is None:
        return ()
    return [b64decode(key) for key in settings.webhook_signing_keys.get_secret_value().split(",")]
