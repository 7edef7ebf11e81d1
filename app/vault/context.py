"""What the vault works with: one typed object, opened by the lifespan."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from app.callers.pepper import derived_key
from app.operations.metrics import Metrics, VaultMetrics
from app.settings import Settings
from app.storage.postgres import Database
from app.upstream.answers import ModelAnswer
from app.upstream.pictures import PictureSource
from app.vault.links import KEY_PURPOSE, VaultLinks
from app.vault.repository import VaultRepository
from app.vault.rewrite import with_our_links
from app.vault.store import ObjectStore

# A step begins no further picture after this; the one under way may take its time for fetching and for the
# store. Whoever dies within leaves the lease to run out.
STEP_SECONDS: Final = 30.0
STORING_SECONDS: Final = 90.0


@dataclass(frozen=True, slots=True)
class Vault:
    """The parts behind archiving, serving and purging pictures.

    Attributes:
        links: makes the links that callers are given.
        source: where the pictures come from.
        decoding: lets one picture be decoded at a time in this process.
        image_days: how long pictures are kept where a team does not say; None for ever.
        slots: jobs whose pictures are archived side by side.
        jitter: a random number in [0, 1).
    """

    links: VaultLinks
    repository: VaultRepository
    store: ObjectStore
    source: PictureSource
    metrics: VaultMetrics
    decoding: asyncio.Lock
    image_days: int | None
    slots: int
    jitter: Callable[[], float]

    def name_our_links(self, answer: ModelAnswer, job_id: UUID | str) -> ModelAnswer:
        """The answer of the job that made the pictures, with links of ours in place of the upstream's."""
        if answer.status_code != 200 or not self.links.public_url:
            return answer
        return replace(answer, body=with_our_links(answer.body, job_id, self.links))


def open_vault(
    settings: Settings,
    database: Database,
    pepper: bytes,
    public_url: str,
    *,
    source: PictureSource,
    metrics: Metrics,
) -> Vault:
    """The parts as the settings ask for; all processes with this pepper sign links alike.

    A worker on its own has no address, but may know by the settings what callers call the gateway.
    """
    lease_seconds = STEP_SECONDS + settings.picture_timeout_seconds + STORING_SECONDS
    return Vault(
        links=VaultLinks(
            derived_key(pepper, KEY_PURPOSE),
            public_url or settings.public_url or "",
            settings.vault_link_seconds,
        ),
        repository=VaultRepository(
            database, lease_seconds=lease_seconds, grace_seconds=settings.result_grace_seconds
        ),
        store=ObjectStore(settings),
        source=source,
        metrics=metrics.vault,
        decoding=asyncio.Lock(),
        image_days=settings.image_days,
        slots=settings.vault_slots,
        jitter=random.random,
    )
