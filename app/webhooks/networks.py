"""Whether an IP address is one of the public internet, where receivers of webhooks live. Pure.

The standard library's `is_global` is not asked: it holds 64:ff9b::a9fe:a9fe for global, which is the metadata
service of a cloud behind NAT64, and 2002:7f00:1::, which is 127.0.0.1 behind 6to4.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

IpAddress = IPv4Address | IPv6Address

NOT_PUBLIC_V4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a carrier's NAT; one cloud has its metadata service here
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # looks public, and is the control service within one cloud's machines
        "169.254.0.0/16",  # link-local, and most metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; one cloud has its metadata service here
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # measurements
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

# Everything public is in here: fc00::/7, fe80::/10, fec0::/10, ff00::/8, ::1 and the mapped forms are not.
GLOBAL_V6: Final = IPv6Network("2000::/3")
NOT_PUBLIC_V6: Final = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, with Teredo, whose addresses hold others
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, whose addresses hold others; nobody serves there any more
        "3fff::/20",  # documentation
    )
)

# Addresses that stand for the IPv4 address in their last 32 bits.
MAPPED: Final = IPv6Network("::ffff:0:0/96")
NAT64: Final = IPv6Network("64:ff9b::/96")
# The third quarter of the address says that the last one is an IPv4 address to tunnel to.
_ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})
_LOW_32: Final = 0xFFFF_FFFF


def is_public(address: IpAddress) -> bool:
    """Whether somebody on the public internet has this address, or the IPv4 address that is within it."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_V4)
    embedded = IPv4Address(int(address) & _LOW_32)
    if address in MAPPED or address in NAT64:
        return is_public(embedded)
    if address not in GLOBAL_V6 or any(address in network for network in NOT_PUBLIC_V6):
        return False
    is_tunnel = (int(address) >> 32) & _LOW_32 in _ISATAP
    return not is_tunnel or is_public(embedded)
