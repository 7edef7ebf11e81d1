"""Every route of the application as it is served: the router's, those before it, and what is mounted."""

from collections.abc import Iterable, Iterator

from starlette.routing import BaseRoute, Mount

from app.main import create_app
from app.settings import Settings

Route = tuple[str, str]

ANY = "any"
MOUNT = "mount"


def served_routes() -> set[Route]:
    """Method and path of each; an address whose requests become others has `any` method."""
    settings = Settings(_env_file=None, upstream_key="a-key")
    app = create_app(settings, public_url="http://gateway.test", with_worker=False)
    direct = {(method, f"{app.state.direct.prefix}...") for method in app.state.direct.handlers}
    rewritten = {(ANY, path) for path in app.state.rewrites}
    return {*_routes_in(app.routes), *direct, *rewritten}


def _routes_in(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    """A kind of route that is not known here fails the test that asks: it has to be looked at."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from _routes_in(included.routes)
        elif isinstance(route, Mount):
            yield MOUNT, route.path
        else:
            for method in route.methods:  # type: ignore[attr-defined] # whatever else is routed has none
                yield method, route.path  # type: ignore[attr-defined] # the same
