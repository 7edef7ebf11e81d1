"""What stands beside a team or a key about who may call, how often, and for which models."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AccessLimits:
    """Limits that are checked before a job is thought of; None where there is no limit.

    Attributes:
        models: globs, one of which a model has to fit.
        expires_at: from when on nobody is let in.
    """

    requests_per_minute: int | None = None
    models: list[str] | None = None
    expires_at: datetime | None = None
