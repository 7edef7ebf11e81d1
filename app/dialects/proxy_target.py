"""What fal's JavaScript client names in `x-fal-target-url`, as a path of our own. Pure: nothing is sent."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from app.errors import TargetRefused

LONGEST_TARGET: Final = 8_192

# Scheme, host, path, query; nothing else has a place: no user, no port, no fragment, no escape in the path,
# no character that two readers of URLs could take for different things.
_TARGET: Final = re.compile(
    r"(?i:https)://(?P<host>[A-Za-z0-9.-]+)"
    r"(?P<path>(?:/[A-Za-z0-9._~-]+)+)"
    r"(?:\?(?P<query>[A-Za-z0-9._~!$&'()*+,;=:@/?%\[\]-]*))?",
    re.ASCII,  # or the long s would be an s
)
_DOTS: Final = frozenset({".", ".."})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one of fal's hosts is served here: below `prefix`, and of that only what is under `reachable`."""

    prefix: str
    reachable: str


_QUEUE: Final = _Place("", "/fal-ai/")
_SYNC: Final = _Place("/run", "/run/fal-ai/")
_REST: Final = _Place("", "/storage/")
_PLACES: Final[Mapping[str, _Place]] = MappingProxyType(
    {"queue.fal.run": _QUEUE, "fal.run": _SYNC, "rest.fal.ai": _REST, "rest.alpha.fal.ai": _REST}
)


@dataclass(frozen=True, slots=True)
class Target:
    """The route of this gateway that serves what the client asked fal for; the query is as it was written."""

    path: str
    query: str


def parse_target(url: str) -> Target:
    """The route behind one of fal's addresses.

    Raises:
        TargetRefused: it is not written like one, or nothing of what is served here stands behind it.
    """
    if len(url) > LONGEST_TARGET:
        raise TargetRefused(f"x-fal-target-url is longer than {LONGEST_TARGET} characters.")
    written = _TARGET.fullmatch(url)
    if written is None or not _DOTS.isdisjoint(written["path"].split("/")):
        raise TargetRefused(
            "x-fal-target-url is not an address like https://queue.fal.run/fal-ai/flux-1/dev; "
            "it has https, one of fal's hosts, a plain path, and at most a query."
        )
    # Hosts are alike in upper and lower case, and browsers write them in lower case.
    place = _PLACES.get(written["host"].lower())
    if place is None:
        raise TargetRefused(f"x-fal-target-url names a host that is none of: {', '.join(_PLACES)}.")
    path = place.prefix + written["path"]
    if not path.startswith(place.reachable):
        raise TargetRefused("x-fal-target-url names a route of fal that this gateway does not serve.")
    return Target(path, written["query"] or "")
