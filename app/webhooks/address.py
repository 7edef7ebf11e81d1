"""The address that a webhook is sent to, read so strictly that no two readers take it differently. Pure.

What a name stands for is not decided here: `127.1`, `2130706433` and `localhost` are names like any other
until they are resolved, and what they resolve to is judged by `networks.py`.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Literal

URL_LIMIT: Final = 2_048
HOST_LIMIT: Final = 253

# From here on anybody may listen, so a web server may be at any port that is not known for something else.
FIRST_FREE_PORT: Final = 1_024
WEB_PORTS: Final = frozenset({80, 443})
# Databases, caches, queues, container and cluster controls: what answers there is nobody's webhook.
FOREIGN_PORTS: Final = frozenset(
    {1433, 1521, 2049, 2181, 2375, 2376, 2379, 2380, 3128, 3306, 3389, 5432, 5433, 5672, 5900, 5984, 5985}
    | {5986, 6379, 6380, 6443, 7000, 7001, 8500, 8600, 9042, 9092, 9200, 9300, 10250, 10255, 11211, 15672}
    | {27017, 27018, 27019, 50070}
)

_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>[/?][!-~]*)?",
    re.IGNORECASE,
)
_FORBIDDEN: Final = re.compile(r"[^!-~]|[\\#\"<>^`{|}]")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a webhook goes.

    Attributes:
        scheme: `http` or `https`.
        host: in lower case, without brackets; a literal in its one usual spelling.
        path: with its query, as it is sent.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the `Host` header has them: the port is left out where the scheme implies it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _usual_port(self.scheme) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address as it is stored; read again it is the same."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def literal(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The IP address that the host is, where it is written as one."""
        return _literal(self.host)


def is_web_port(port: int) -> bool:
    """Whether a web server may be expected at this port."""
    is_free = port >= FIRST_FREE_PORT and port not in FOREIGN_PORTS
    return port in WEB_PORTS or is_free


def parse_address(given: str) -> Address:
    """Reads an address.

    Raises:
        ValueError: it is not an http or https URL that every reader understands alike; says why.
    """
    if len(given) > URL_LIMIT:
        raise ValueError(f"it is longer than {URL_LIMIT} characters")
    if _FORBIDDEN.search(given):
        raise ValueError(
            "it holds a character that has no place in an address; names beyond ASCII are written in "
            "punycode, spaces as %20, and there is no fragment"
        )
    match = _URL.fullmatch(given)
    if match is None:
        raise ValueError("it is not like https://host/path, without a user name")
    scheme: Literal["http", "https"] = "https" if match["scheme"].lower() == "https" else "http"
    port = _usual_port(scheme) if match["port"] is None else int(match["port"])
    if not 1 <= port <= 65_535:
        raise ValueError("its port is not between 1 and 65535")
    path = match["path"] or "/"
    return Address(scheme, _host(match["host"]), port, path if path.startswith("/") else f"/{path}")


def _host(given: str) -> str:
    if given.startswith("["):
        literal = _literal(given[1:-1])
        if not isinstance(literal, ipaddress.IPv6Address):
            raise ValueError("its host is not an IPv6 address")
        return str(literal)
    labels = given.split(".")
    if len(given) > HOST_LIMIT or not all(0 < len(label) <= 63 for label in labels):
        raise ValueError("its host is not a host name")
    return given.lower()


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _usual_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80
