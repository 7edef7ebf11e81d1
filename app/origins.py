"""The origin of a web page: a scheme, a host, perhaps a port, as browsers write it. Pure."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ORIGIN_LENGTH: Final = 300
PORT_MAX: Final = 65_535

_ORIGIN: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?"
)
# Browsers leave these out, so an origin that names one would never be met.
_DEFAULT_PORTS: Final[Mapping[str, str]] = MappingProxyType({"http": "80", "https": "443"})


def fault_of_origin(text: str) -> str | None:
    """Why the text is not an origin that a browser would send; None when it is one.

    `null` is refused: every file, sandboxed frame and `data:` page sends it, whoever wrote them.
    """
    if text == "null":
        return "may not be `null`, which any page can send"
    if "*" in text:
        return "may not be or hold `*`; name each origin"
    found = _ORIGIN.fullmatch(text) if len(text) <= ORIGIN_LENGTH else None
    port = found["port"] if found else None
    if found is None or int(port or 1) > PORT_MAX or port == _DEFAULT_PORTS.get(found["scheme"], ""):
        return (
            "must be scheme://host or scheme://host:port as browsers send it: "
            "lower case, no path, no default port"
        )
    return None
