"""Whether an upstream on the internet can call an address of ours, or fetch what stands there. Pure."""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

# Endings that are resolved within a machine or a house, if at all.
INWARD: Final = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa", ".test", ".invalid")


def is_on_the_internet(public_url: str | None) -> bool:
    """Whether an operator's address looks like one of the internet: https, and no private name or number."""
    parts = urlsplit(public_url or "")
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme != "https" or host.endswith(INWARD):
        return False
    try:
        return ip_address(host).is_global
    except ValueError:
        # A name without a point is a machine nearby.
        return "." in host
