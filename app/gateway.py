"""What the lifespan opened, held in one typed object."""

from dataclasses import dataclass

from app.admin.context import AdminContext
from app.audit.cursor import Cursors
from app.audit.report_repository import ReportRepository
from app.callers.admin_key import AdminKey
from app.callers.authenticate import Authenticator
from app.callers.browser_tokens import BrowserTokens
from app.callers.sessions import Sessions
from app.callers.waits import Waits
from app.jobs.context import JobContext
from app.operations.metrics import Metrics
from app.settings import Settings
from app.storage.postgres import Database
from app.storage.redis import Speed
from app.uploads.context import Uploads
from app.upstream.pictures import PictureSource
from app.vault.context import Vault
from app.webhooks.context import WebhookContext
from app.work.workers import Workers


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts of a running gateway.

    Attributes:
        public_url: the address that callers use, without a slash at its end.
        workers: what this process does in the background; None where another process works.
    """

    settings: Settings
    public_url: str
    database: Database
    speed: Speed
    authenticator: Authenticator
    tokens: BrowserTokens
    admin_key: AdminKey
    sessions: Sessions
    waits: Waits
    admin: AdminContext
    jobs: JobContext
    uploads: Uploads
    pictures: PictureSource
    vault: Vault
    metrics: Metrics
    reports: ReportRepository
    cursors: Cursors
    webhooks: WebhookContext
    workers: Workers | None

    def body_limit_bytes(self, *, takes_images: bool) -> int:
        """How large the body of a submit may be."""
        return self.settings.image_body_limit_bytes if takes_images else self.settings.body_limit_bytes
