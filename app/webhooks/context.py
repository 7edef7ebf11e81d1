"""What webhooks work with: one typed object, opened and closed by the lifespan."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.callers.pepper import derived_key
from app.operations.metrics import Metrics
from app.settings import Settings
from app.storage.postgres import Database
from app.upstream.answers import ModelAnswer
from app.webhooks.guard import Guard
from app.webhooks.repository import WebhookRepository
from app.webhooks.resolve import Lookup, Resolver
from app.webhooks.signature import SigningKeys
from app.webhooks.signing_keys import read_seeds
from app.webhooks.transport import WebhookTransport

KEY_PURPOSE: Final = "webhook signing"

# A try ends in time; what is left is for writing what came of it.
WRITING_SECONDS: Final = 5.0

NameOurLinks = Callable[[ModelAnswer, UUID], ModelAnswer]


@dataclass(frozen=True, slots=True)
class WebhookContext:
    """The parts behind checking, signing, sending and listing webhooks.

    Attributes:
        name_our_links: puts the vault's links into the answer of a job, for teams that want that.
        slots: webhooks that are under way side by side.
        slots_per_host: how many of them to one receiver.
        room_bytes: while large results under way have so many bytes together, no further one is begun.
        jitter: a random number in [0, 1).
    """

    resolver: Resolver
    guard: Guard
    keys: SigningKeys
    repository: WebhookRepository
    transport: WebhookTransport
    metrics: Metrics
    name_our_links: NameOurLinks
    slots: int
    slots_per_host: int
    room_bytes: int
    jitter: Callable[[], float]

    def close(self) -> None:
        """Gives the threads back."""
        self.resolver.close()


def open_webhooks(
    settings: Settings,
    pepper: bytes,
    database: Database,
    metrics: Metrics,
    look_up: Lookup,
    *,
    name_our_links: NameOurLinks,
) -> WebhookContext:
    """The parts as the settings ask for; `look_up` is how names become addresses.

    The secrets are those of the settings; unset, one that all processes with this pepper derive alike.
    """
    resolver = Resolver(look_up)
    guard = Guard(resolver, settings.webhook_allowed_hosts)
    seconds = settings.webhook_timeout_seconds
    return WebhookContext(
        resolver=resolver,
        guard=guard,
        keys=SigningKeys(read_seeds(settings) or [derived_key(pepper, KEY_PURPOSE)]),
        repository=WebhookRepository(database, lease_seconds=seconds + WRITING_SECONDS),
        transport=WebhookTransport(
            guard, total_seconds=seconds, answer_limit_bytes=settings.webhook_answer_limit_bytes
        ),
        metrics=metrics,
        name_our_links=name_our_links,
        slots=settings.webhook_slots,
        slots_per_host=settings.webhook_slots_per_host,
        room_bytes=settings.webhook_results_limit_bytes,
        jitter=random.random,
    )
