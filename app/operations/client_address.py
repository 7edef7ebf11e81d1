"""Where a request comes from: the address of the connection, or what a proxy of our own says of it. Pure."""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final

FORWARDED_FOR: Final = b"x-forwarded-for"

# Some proxies write the port as well, and then brackets around an address of version 6.
WITH_PORT: Final = re.compile(
    r"\[(?P<six>[^\[\]]+)\](?::\d{1,5})?|(?P<four>\d+\.\d+\.\d+\.\d+):\d{1,5}", re.ASCII
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
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
    nearest = address_of(peer)
    if nearest is None:
        return peer
    if not _is_trusted(nearest, trusted):
        return str(nearest)
    told = b",".join(value for name, value in headers if name == FORWARDED_FOR).decode("latin-1")
    for word in reversed(told.split(",")):
        hop = address_of(word.strip())
        if hop is None:
            break
        nearest = hop
        if not _is_trusted(hop, trusted):
            break
    return str(nearest)


def address_of(text: str) -> Address | None:
    """The address that is written here, with a port or without; None where it is none.

    What a socket of both versions writes of somebody of version 4 is the address of version 4 again: else all
    of them would be of one network, and a proxy of ours would not be in the network that the setting names.
    """
    found = WITH_PORT.fullmatch(text)
    try:
        parsed = ipaddress.ip_address((found["six"] or found["four"]) if found else text)
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if parsed.version == 6 else parsed


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)
