"""Opening the ways to the upstream: its API, with the key, and the hosts of its pictures, without."""

from contextlib import AsyncExitStack

from pydantic import SecretStr

from app.errors import StartupError
from app.operations.metrics import Metrics
from app.settings import Settings
from app.upstream.client import UpstreamClient
from app.upstream.credentials import Credentials
from app.upstream.media_hosts import MediaHosts
from app.upstream.pictures import PictureSource
from app.upstream.profiles import PROFILES
from app.upstream.result_room import ResultRoom
from app.upstream.transport import Transport

PICTURE_CONNECTIONS = 32
# Of the time that a look has; the rest is for its calls.
WAIT_SHARE = 1 / 2


def check_startable(settings: Settings) -> SecretStr:
    """The upstream key, without which there is nothing to serve.

    Raises:
        StartupError: it is not set.
    """
    if settings.upstream_key is None:
        raise StartupError(
            "FLUXGATE_UPSTREAM_KEY: not set; give the key of your upstream, or start with `make run` "
            "(`fluxgate serve --demo`) to use the built-in simulator"
        )
    return settings.upstream_key


def open_upstream(settings: Settings, metrics: Metrics, stack: AsyncExitStack) -> UpstreamClient:
    """The client of the upstream's API, closed with the stack.

    Raises:
        StartupError: there is no key.
    """
    key = check_startable(settings)
    profile = PROFILES[settings.upstream_profile]
    transport = Transport.connect(
        connections=settings.upstream_connections,
        connect_seconds=settings.upstream_connect_timeout_seconds,
        total_seconds=settings.upstream_timeout_seconds,
    )
    upstream = UpstreamClient(
        base_url=settings.upstream_url,
        profile=profile,
        credentials=Credentials(key, profile.auth_scheme),
        transport=transport,
        metrics=metrics,
        status_limit_bytes=settings.status_limit_bytes,
        result_limit_bytes=settings.result_limit_bytes,
        room=ResultRoom(
            settings.upstream_results_limit_bytes,
            wait_seconds=settings.lease_seconds * WAIT_SHARE,
            waiting_at_most=settings.worker_slots // 2,
        ),
    )
    stack.push_async_callback(upstream.close)
    return upstream


def open_pictures(settings: Settings, metrics: Metrics, stack: AsyncExitStack) -> PictureSource:
    """The source of the upstream's pictures, closed with the stack."""
    transport = Transport.connect(
        connections=PICTURE_CONNECTIONS,
        connect_seconds=settings.upstream_connect_timeout_seconds,
        total_seconds=settings.picture_timeout_seconds,
    )
    pictures = PictureSource(
        hosts=MediaHosts.of(settings.upstream_url, settings.media_hosts),
        transport=transport,
        metrics=metrics,
        limit_bytes=settings.picture_limit_bytes,
    )
    stack.push_async_callback(pictures.close)
    return pictures
