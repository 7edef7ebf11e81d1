"""Which addresses webhooks may go to: those of the public internet, and hosts that the operator allowed."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any, Final

from app.errors import InvalidInput
from app.webhooks.address import Address, is_web_port, parse_address
from app.webhooks.networks import IpAddress, is_public
from app.webhooks.resolve import Resolver, UnresolvedError

# The caller waits for this at a submit.
CHECK_SECONDS: Final = 2.0
CONNECT_SECONDS: Final = 5.0
SHOWN_CHARACTERS: Final = 200

# One sentence for whatever is not allowed: it tells nothing about what is at an address, or listens there.
NOT_ALLOWED: Final = (
    "This gateway does not send webhooks to this address; give a public http or https address"
)


class BlockedError(Exception):
    """A connection that is not made: the name stands for an address that is not public."""


class Guard:
    """Decides about hosts, at the submit and again at every connection."""

    def __init__(self, resolver: Resolver, allowed_hosts: Sequence[str]) -> None:
        self._resolver = resolver
        self._allowed = [_spelt(host) for host in allowed_hosts]

    async def check_target(self, given: str) -> Address:
        """The address that a caller names, when webhooks may go there as far as can be known now.

        A name that stands for nothing at this moment is let pass: every connection is checked again.

        Raises:
            InvalidInput: it is not an address, or not one of the public internet.
        """
        try:
            address = parse_address(given)
        except ValueError as error:
            raise _refused(given, f"This is not an address for webhooks: {error}") from None
        if self.is_allowed(address.host):
            return address
        if not is_web_port(address.port):
            raise _refused(given, NOT_ALLOWED)
        try:
            found = await self._resolver.addresses(address.host, seconds=CHECK_SECONDS)
        except UnresolvedError:
            return address
        if not all(is_public(one) for one in found):
            raise _refused(given, NOT_ALLOWED)
        return address

    async def addresses_of(self, host: str, port: int) -> Sequence[IpAddress]:
        """Where a connection to this host and port may go, and nowhere else.

        Raises:
            BlockedError: the host stands for an address that is not public, whatever else it stands for.
            UnresolvedError: it stands for none.
        """
        found = await self._resolver.addresses(host, seconds=CONNECT_SECONDS)
        is_fit = is_web_port(port) and all(is_public(one) for one in found)
        if not is_fit and not self.is_allowed(host):
            raise BlockedError(host)
        return found

    def is_allowed(self, host: str) -> bool:
        """Whether the operator named this host; what else stands for the same address is another host."""
        return any(_fits(_spelt(host), allowed) for allowed in self._allowed)


def _spelt(host: str) -> str:
    """A literal in its one usual spelling, a name in lower case."""
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        return host.lower()


def _fits(host: str, allowed: str) -> bool:
    if allowed.startswith("*."):
        return host.endswith(allowed[1:]) and len(host) >= len(allowed)
    return host == allowed


def _refused(given: str, message: str) -> InvalidInput:
    shown = given if len(given) <= SHOWN_CHARACTERS else given[: SHOWN_CHARACTERS - 1] + "…"
    problem: dict[str, Any] = {
        "loc": ["query", "fal_webhook"],
        "msg": message,
        "type": "webhook_url_blocked",
        "input": shown.replace("\0", "\\u0000"),
        "url": "https://docs.fal.ai/errors#webhook_url_blocked",
    }
    return InvalidInput([problem])
