"""Where a request comes from: the address of the connection, or what a proxy of our own says of it. Pure."""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

FORWARDED_FOR: Final = b"x-forwarded-for"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks_of(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks as they are written in a setting.

    Raises:
        ValueError: one of them is none.
    """
    return tuple(ipaddress.ip_network(text) for text in texts)


def client_address(peer: str, headers: Iterable[tuple[bytes, bytes]], trusted: Sequence[Network]) -> str:
    """The nearest address that is not a proxy of ours.

    Every proxy appends whom it heard, so the list is read from its end: what a caller wrote itself stands
    before all that, and is never reached. A word that is no address ends the reading.
    """
    if not _is_trusted(peer, trusted):
        return peer
    told = b",".join(value for name, value in headers if name == FORWARDED_FOR).decode("latin-1")
    nearest = peer
    for word in reversed(told.split(",")):
        hop = word.strip()
        if not _is_address(hop):
            return nearest
        nearest = hop
        if not _is_trusted(hop, trusted):
            return hop
    return nearest


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    return _is_address(address) and any(ipaddress.ip_address(address) in network for network in trusted)
