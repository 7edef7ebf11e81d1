"""Where a request comes from, whatever it says of itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.operations.client_address import client_address, networks_of

TRUSTED = networks_of(("10.0.0.0/8", "fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "told", "address"),
    [
        ("203.0.113.1", [], "203.0.113.1"),
        ("203.0.113.1", ["198.51.100.1"], "203.0.113.1"),
        ("203.0.113.1", ["10.0.0.1"], "203.0.113.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4, 198.51.100.1, 10.0.0.7"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.9, 10.0.0.7"], "10.0.0.9"),
        ("10.0.0.1", ["198.51.100.1, unknown, 10.0.0.7"], "10.0.0.7"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4:1, 198.51.100.1:4711, 10.0.0.7:80"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["[2001:db8::1]"], "2001:db8::1"),
        ("10.0.0.1", ["[198.51.100.1]x"], "10.0.0.1"),
        ("10.0.0.1", ["[2001:db8::1"], "10.0.0.1"),
        ("::ffff:198.51.100.1", [], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, ::ffff:10.0.0.7"], "198.51.100.1"),
        ("10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["[::ffff:198.51.100.1]:4711"], "198.51.100.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("fd00::1", [" 2001:db8::1 "], "2001:db8::1"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_only_our_own_proxies_are_believed(peer: str, told: list[str], address: str) -> None:
    headers = [(b"host", b"x"), *((b"x-forwarded-for", one.encode()) for one in told)]
    assert client_address(peer, headers, TRUSTED) == address


def test_without_the_setting_nobody_is() -> None:
    assert client_address("10.0.0.1", [(b"x-forwarded-for", b"198.51.100.1")], ()) == "10.0.0.1"


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_header_is_a_fault_and_what_a_caller_wrote_itself_never_counts(own: bytes, more: bytes) -> None:
    client_address("10.0.0.1", [(b"x-forwarded-for", own), (b"x-forwarded-for", more)], TRUSTED)
    told = [(b"x-forwarded-for", own + b", 198.51.100.1")]
    assert client_address("10.0.0.1", told, TRUSTED) == "198.51.100.1"
    assert client_address("203.0.113.1", told, TRUSTED) == "203.0.113.1"
