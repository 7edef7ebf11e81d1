"""fal's proxy protocol, for `fal.config({proxyUrl})`: one address whose header says what is asked for.

Nothing is fetched. The request becomes one to the route of this gateway that the header stands for, before
any route has seen it, so that what holds for that route holds here: credentials, limits, records, answers.
"""

from types import MappingProxyType
from typing import Final

from starlette.requests import Request
from starlette.types import Scope

from app.dialects.body import require_json
from app.dialects.proxy_target import parse_target
from app.errors import BadRequest, MethodNotAllowed
from app.operations.request_scope import OPERATION, Rewrites

PATH: Final = "/api/fal/proxy"
TARGET_HEADER: Final = "x-fal-target-url"
METHODS: Final = ("GET", "POST", "PUT", "DELETE")


def become_target(scope: Scope) -> None:
    """Makes the request one to the route that its header names.

    In place: whoever tells of this request afterwards tells of the route that answered it. A query of the
    proxy's own address is dropped.

    Raises:
        MethodNotAllowed, BadRequest, TargetRefused, UnsupportedMediaType: it is no such request.
    """
    scope[OPERATION] = "proxy"
    request = Request(scope)
    if request.method not in METHODS:
        raise MethodNotAllowed("fal's clients use none but these.", headers={"allow": ", ".join(METHODS)})
    target = parse_target(_only_target(request))
    if request.method == "POST":
        require_json(request)
    name = TARGET_HEADER.encode()
    scope["headers"] = [header for header in scope["headers"] if header[0] != name]
    scope["path"], scope["raw_path"] = target.path, target.path.encode()
    scope["query_string"] = target.query.encode()
    del scope[OPERATION]


def _only_target(request: Request) -> str:
    targets = request.headers.getlist(TARGET_HEADER)
    if len(targets) != 1:
        raise BadRequest(f"Send one {TARGET_HEADER} header; here are {len(targets)}.")
    return targets[0]


REWRITES: Final[Rewrites] = MappingProxyType({PATH: become_target})
