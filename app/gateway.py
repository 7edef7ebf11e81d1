"""What the lifespan opened, held in one typed object."""

from dataclasses import dataclass

from app.callers.authenticate import Authenticator
from app.jobs.context import JobContext
from app.operations.metrics import Metrics
from app.settings import Settings
from app.storage.postgres import Database
from app.storage.redis import Speed
from app.work.loop import Worker


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts of a running gateway.

    Attributes:
        public_url: the address that callers use, without a slash at its end.
        worker: the background worker of this process; None where another process works.
    """

    settings: Settings
    public_url: str
    database: Database
    speed: Speed
    authenticator: Authenticator
    jobs: JobContext
    metrics: Metrics
    worker: Worker | None

    def body_limit_bytes(self, *, takes_images: bool) -> int:
        """How large the body of a submit may be."""
        return self.settings.image_body_limit_bytes if takes_images else self.settings.body_limit_bytes
