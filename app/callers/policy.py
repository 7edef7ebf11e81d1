"""What a team wants kept of its jobs, how much of it and for how long. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Privacy(StrEnum):
    """How much is kept of prompts, inputs and results once a job has ended and its answer was fetched."""

    FULL = "full"  # everything, for as long as the days say
    HASHED = "hashed"  # keyed digests, by which a prompt or an answer that somebody holds is found again
    NONE = "none"  # nothing, and the upstream is told to store nothing either


@dataclass(frozen=True, slots=True)
class Policy:
    """What is kept of a team's jobs; None where the installation's setting counts.

    Attributes:
        payload_days: how long inputs and results are kept.
        job_days: how long jobs are kept, with all that belongs to them but the money.
        image_days: how long the vault keeps pictures.
        keeps_images: whether the vault copies pictures at all.
        rewrites_urls: whether results name the vault's links in place of the upstream's.
    """

    privacy: Privacy = Privacy.FULL
    payload_days: int | None = None
    job_days: int | None = None
    image_days: int | None = None
    keeps_images: bool = False
    rewrites_urls: bool = False

    def fault(self) -> tuple[str, str] | None:
        """Which field does not fit the others, and why; None when all is well."""
        if self.rewrites_urls and not self.keeps_images:
            return "rewrites_urls", "results can only name pictures that are kept: it needs keeps_images"
        if self.keeps_images and self.privacy is Privacy.NONE:
            return "keeps_images", "pictures are results too: with the privacy `none` none are kept"
        return None
