"""From where pictures may be fetched: the upstream's own address, and named hosts by https. Pure."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

LONGEST_URL: Final = 8_192
ANY_BELOW: Final = "*."

# No user, no escape and no other character in which two readers of URLs could see different hosts.
_URL: Final = re.compile(
    r"(?P<origin>(?P<scheme>https?)://(?P<host>[a-z0-9.-]+)(?P<port>:\d{1,5})?)"
    r"(?P<rest>/[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*)?",
    re.ASCII,
)
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_BELOW: Final = re.compile(rf"(?:{_LABEL}\.)+")


@dataclass(frozen=True, slots=True)
class MediaHosts:
    """Which addresses are fetched.

    Attributes:
        home: the upstream's own scheme, host and port.
        hosts: names, and names behind `*.` for all that are below them.
    """

    home: str
    hosts: tuple[str, ...]

    @classmethod
    def of(cls, upstream_url: str, hosts: tuple[str, ...]) -> "MediaHosts":
        """Those of an upstream whose base URL may have a path."""
        parts = urlsplit(upstream_url)
        return cls(f"{parts.scheme}://{parts.netloc}".lower(), hosts)

    def allow(self, url: str) -> bool:
        """Whether this address is one of theirs."""
        if len(url) > LONGEST_URL:
            return False
        written = _URL.fullmatch(url)
        if written is None:
            return False
        if written["origin"] == self.home:
            return True
        is_plain = written["scheme"] == "https" and written["port"] is None
        return is_plain and any(_is_of(written["host"], name) for name in self.hosts)


def _is_of(host: str, name: str) -> bool:
    if not name.startswith(ANY_BELOW):
        return host == name
    parent = name.removeprefix(ANY_BELOW)
    return host.endswith(parent) and _BELOW.fullmatch(host.removesuffix(parent)) is not None
