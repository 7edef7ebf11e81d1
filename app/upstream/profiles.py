"""What differs between upstreams, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of upstream.

    Attributes:
        name: as in `FLUXGATE_UPSTREAM_PROFILE`.
        auth_scheme: the word before the key in the Authorization header.
        promises_status: whether a status route is documented; where it is not, it is tried and, when the
            answer is 404 while the result route knows the job, not asked again.
        has_cancel: whether a cancel route exists.
        has_webhooks: whether the upstream can call back when a job ends.
        reports_billable_units: whether results carry `X-Fal-Billable-Units`.
        unknown_patience_seconds: how long a job may be `unknown` before it is `lost`, where the upstream
            can never be asked about it; None where the configured time holds.
    """

    name: str
    auth_scheme: str
    promises_status: bool
    has_cancel: bool
    has_webhooks: bool
    reports_billable_units: bool
    unknown_patience_seconds: float | None


# fal: fal.ai/docs/documentation/model-apis; QuickRouter: doc.quickrouter.ai, which documents submit and
# result only.
PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "fal": Profile(
            name="fal",
            auth_scheme="Key",
            promises_status=True,
            has_cancel=True,
            has_webhooks=True,
            reports_billable_units=True,
            unknown_patience_seconds=None,
        ),
        "quickrouter": Profile(
            name="quickrouter",
            auth_scheme="Bearer",
            promises_status=False,
            has_cancel=False,
            has_webhooks=False,
            reports_billable_units=False,
            unknown_patience_seconds=60.0,
        ),
    }
)
