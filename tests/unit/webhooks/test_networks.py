"""Which IP addresses are of the public internet; each row is a form that somebody got wrong once."""

from ipaddress import ip_address

import pytest

from app.webhooks.networks import is_public

NOT_PUBLIC = {
    "this host": "0.0.0.0",
    "this network": "0.1.2.3",
    "loopback": "127.0.0.1",
    "all of loopback": "127.255.255.254",
    "private 10": "10.0.0.1",
    "private 172.16": "172.16.0.1",
    "last private 172": "172.31.255.255",
    "private 192.168": "192.168.1.1",
    "carrier NAT": "100.64.0.1",
    "metadata behind carrier NAT": "100.100.100.200",
    "last of carrier NAT": "100.127.255.255",
    "metadata": "169.254.169.254",
    "metadata of tasks": "169.254.170.2",
    "control service that looks public": "168.63.129.16",
    "protocol assignments": "192.0.0.192",
    "documentation 1": "192.0.2.1",
    "documentation 2": "198.51.100.1",
    "documentation 3": "203.0.113.1",
    "6to4 relay": "192.88.99.1",
    "measurements": "198.18.0.1",
    "last of measurements": "198.19.255.255",
    "multicast, global for the standard library": "224.0.0.1",
    "last multicast": "239.255.255.255",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "unspecified": "::",
    "loopback of IPv6": "::1",
    "compatible loopback": "::127.0.0.1",
    "compatible public": "::8.8.8.8",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped loopback in hex": "::ffff:7f00:1",
    "mapped metadata": "::ffff:169.254.169.254",
    "translated": "::ffff:0:127.0.0.1",
    "NAT64 of metadata, global for the standard library": "64:ff9b::a9fe:a9fe",
    "NAT64 of loopback": "64:ff9b::127.0.0.1",
    "local NAT64": "64:ff9b:1::808:808",
    "6to4 of loopback, global for the standard library": "2002:7f00:1::",
    "6to4 of a public address": "2002:808:808::1",
    "Teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "measurements of IPv6": "2001:2::1",
    "ORCHID": "2001:20::1",
    "documentation of IPv6": "2001:db8::1",
    "new documentation of IPv6": "3fff::1",
    "discard": "100::1",
    "segment routing": "5f00::1",
    "unique local": "fc00::1",
    "metadata at a unique local address": "fd00:ec2::254",
    "link-local of IPv6": "fe80::1",
    "site-local": "fec0::1",
    "multicast of IPv6": "ff02::1",
    "tunnel to a private address": "2a00:1450::5efe:10.0.0.1",
    "tunnel to loopback, with the universal bit": "2a00:1450::200:5efe:127.0.0.1",
    "unassigned": "4000::1",
}
PUBLIC = {
    "public": "8.8.8.8",
    "before private 10": "9.255.255.255",
    "after private 10": "11.0.0.0",
    "before carrier NAT": "100.63.255.255",
    "after carrier NAT": "100.128.0.0",
    "before private 172": "172.15.255.255",
    "after private 172": "172.32.0.0",
    "before link-local": "169.253.255.255",
    "beside the control service": "168.63.129.17",
    "after measurements": "198.20.0.0",
    "last before multicast": "223.255.255.255",
    "public of IPv6": "2606:4700:4700::1111",
    "public within 2001": "2001:4860:4860::8888",
    "mapped public": "::ffff:8.8.8.8",
    "NAT64 of a public address": "64:ff9b::808:808",
    "tunnel to a public address": "2a00:1450::5efe:8.8.8.8",
}


@pytest.mark.parametrize("address", NOT_PUBLIC.values(), ids=NOT_PUBLIC.keys())
def test_this_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC.values(), ids=PUBLIC.keys())
def test_this_is_public(address: str) -> None:
    assert is_public(ip_address(address))
