"""How every route is asked by a stranger: a new route has to be given its row here.

In addresses and bodies `<id>` is the id that is asked for, and the other words in angle brackets are what the
stranger was given for things of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.support.served_routes import ANY, MOUNT, Route
from tests.support.two_teams import IDEMPOTENCY_KEY, SAME_PROMPT

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class ById:
    """A route whose address or body holds an id; of somebody else's it says what it says of nobody's.

    Attributes:
        kind: what the ids are of.
        places: addresses; the route's own where there are none.
    """

    kind: str
    places: tuple[str, ...] = ()
    content: str = ""
    content_type: str = JSON


@dataclass(frozen=True)
class Admin(ById):
    """A route for the admin key alone: whatever else is presented is refused before anything is looked up."""


@dataclass(frozen=True)
class Lists:
    """A route that tells of many things: only the caller's own, whatever its parameters name.

    Attributes:
        asked_by: parameters that can name something of another team.
        needs: parameters without which it answers nothing.
        is_steady: to the byte what it says changes only by what its own team does.
    """

    asked_by: tuple[str, ...]
    needs: Mapping[str, str] = field(default_factory=dict)
    is_steady: bool = True


@dataclass(frozen=True)
class Makes:
    """A route that makes something for the caller, and is told of nobody else's things."""

    place: str = ""
    content: str = ""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Open:
    """A route for anybody: nothing of any team is behind it."""


@dataclass(frozen=True)
class ByAddress:
    """A route for whoever has the address, of which no list and no error of another team tells."""

    kind: str


@dataclass(frozen=True)
class Elsewhere:
    """Asked through another row, which is named."""

    row: Route


Row = ById | Lists | Makes | Open | ByAddress | Elsewhere

SUBMIT: Final = f'{{"prompt": "{SAME_PROMPT}", "seed": 7, "image_size": {{"width": 64, "height": 48}}}}'
# As a stranger would: with the other's key of idempotency, and content with any answer that is there.
GREEDY: Final = {"idempotency-key": IDEMPOTENCY_KEY, "cache-control": "max-age=3600"}
JOB: Final = "/fal-ai/flux-1/requests/<id>"
USAGE: Final = ("team", "team_id", "key", "end_user")
JOBS: Final = ("key", "end_user", "q", "cursor", "team", "team_id")
LIMITS: Final = '{"name": "mine now", "budget_usd": "1"}'


ROWS: Final[Mapping[Route, Row]] = {
    # fal's queue, which is called before the router, and stands in it for the description.
    ("POST", "/fal-ai/..."): Elsewhere(("POST", "/fal-ai/{model:path}")),
    ("GET", "/fal-ai/..."): Elsewhere(("GET", "/fal-ai/{path:path}")),
    ("PUT", "/fal-ai/..."): Elsewhere(("PUT", "/fal-ai/{path:path}")),
    ("GET", "/fal-ai/{path:path}"): ById(
        "job",
        (
            JOB,
            f"{JOB}/response",
            f"{JOB}/status",
            f"{JOB}/status/stream",
            "/fal-ai/flux-1/dev/requests/<id>",
            "/fal-ai/auto/requests/<id>/status",
        ),
    ),
    ("PUT", "/fal-ai/{path:path}"): ById("job", (f"{JOB}/cancel", "/fal-ai/auto/requests/<id>/cancel")),
    ("POST", "/fal-ai/{model:path}"): Makes("/fal-ai/flux-1/dev", SUBMIT, headers=GREEDY),
    ("POST", "/run/fal-ai/{model:path}"): Makes("/run/fal-ai/flux-1/dev", SUBMIT, headers=GREEDY),
    # fal's proxy protocol: everything above and the uploads, through its own test.
    (ANY, "/api/fal/proxy"): Elsewhere(("GET", "/fal-ai/{path:path}")),
    ("POST", "/storage/upload/initiate"): Makes(
        content='{"content_type": "image/png", "file_name": "a.png"}'
    ),
    ("PUT", "/storage/upload/{file_id}"): ById(
        "file", ("/storage/upload/<id>?<capability>", "/storage/upload/<id>"), "P", "image/png"
    ),
    ("POST", "/storage/auth/token"): Makes(content="{}"),
    ("POST", "/files/upload"): Makes(content="P", content_type="image/png"),
    ("POST", "/files/upload/multipart"): Makes(content="{}"),
    ("POST", "/storage/upload/initiate-multipart"): Makes(content="{}"),
    ("GET", "/files/{file_id}/{name}"): ByAddress("file"),
    ("HEAD", "/files/{file_id}/{name}"): ByAddress("file"),
    # OpenAI's form.
    ("GET", "/v1/models"): Open(),
    ("GET", "/v1/models/{model_id:path}"): Open(),
    ("POST", "/v1/images/generations"): Makes(
        content='{"model": "fal-ai/flux-1/dev", ' + SUBMIT[1:], headers=GREEDY
    ),
    # What callers are told of their own.
    ("GET", "/api/jobs"): Lists(JOBS),
    ("GET", "/api/jobs/{job_id}"): ById("job"),
    ("GET", "/api/usage"): Lists(USAGE),
    ("GET", "/api/usage.csv"): Lists(USAGE),
    ("GET", "/api/me"): Lists(("key", "team", "team_id"), is_steady=False),
    ("POST", "/api/tokens"): Makes(content='{"ttl_seconds": 60}'),
    ("GET", "/api/deliveries"): Lists(("cursor", "job", "team_id")),
    ("POST", "/api/deliveries/{job_id}/repeat"): ById("job"),
    ("GET", "/api/images"): Lists(("sha256", "cursor", "team_id"), needs={"sha256": "0" * 64}),
    ("GET", "/api/images/{job_id}"): ById("job"),
    ("GET", "/vault/{job_id}/{place}"): ById("job", ("/vault/<id>/0?<link>", "/vault/<id>/0")),
    ("HEAD", "/vault/{job_id}/{place}"): ById("job", ("/vault/<id>/0?<link>", "/vault/<id>/0")),
    ("GET", "/vault/{job_id}/{place}/thumbnail"): ById("job", ("/vault/<id>/0/thumbnail?<thumbnail>",)),
    ("HEAD", "/vault/{job_id}/{place}/thumbnail"): ById("job", ("/vault/<id>/0/thumbnail?<thumbnail>",)),
    # The upstream, which proves an address that it was given.
    ("POST", "/webhooks/fal/{job_id}/{mac}"): ById("job", ("/webhooks/fal/<id>/<mac>",), "{}"),
    # The operator's.
    ("GET", "/api/admin/teams"): Admin("team"),
    ("POST", "/api/admin/teams"): Admin("team", content=LIMITS),
    ("GET", "/api/admin/teams/{id}"): Admin("team"),
    ("PATCH", "/api/admin/teams/{id}"): Admin("team", content=LIMITS),
    ("DELETE", "/api/admin/teams/{id}"): Admin("team"),
    ("GET", "/api/admin/keys"): Admin("team", ("/api/admin/keys?team=<id>",)),
    ("POST", "/api/admin/keys"): Admin("team", content='{"team": "<id>", "name": "mine now"}'),
    ("GET", "/api/admin/keys/{id}"): Admin("key"),
    ("PATCH", "/api/admin/keys/{id}"): Admin("key", content=LIMITS),
    ("DELETE", "/api/admin/keys/{id}"): Admin("key"),
    ("POST", "/api/admin/keys/{id}/rotate"): Admin("key", content="{}"),
    ("GET", "/api/admin/jobs"): Admin("team", ("/api/admin/jobs?team=<id>",)),
    ("GET", "/api/admin/jobs/{job_id}"): Admin("job"),
    ("GET", "/api/admin/usage"): Admin("team", ("/api/admin/usage?team=<id>",)),
    ("GET", "/api/admin/usage.csv"): Admin("team", ("/api/admin/usage.csv?team=<id>",)),
    ("GET", "/api/admin/audit"): Admin("team", ("/api/admin/audit",)),
    ("GET", "/api/admin/audit/verify"): Admin("team", ("/api/admin/audit/verify",)),
    ("GET", "/api/admin/unknown"): Admin("job", ("/api/admin/unknown",)),
    ("GET", "/api/admin/unknown/{id}"): Admin("job"),
    ("POST", "/api/admin/unknown/{id}"): Admin("job", content='{"outcome": "charge"}'),
    ("POST", "/api/admin/unknown/{id}/bind"): Admin("job", content='{"upstream_id": "mine"}'),
    ("POST", "/api/admin/unknown/{id}/resubmit"): Admin("job", content="{}"),
    # Pages: of the team whose key was given at the sign-in.
    ("GET", "/console"): Lists(("team", "team_id"), is_steady=False),
    ("GET", "/console/overview/now"): Lists(("team", "team_id"), is_steady=False),
    ("GET", "/console/overview/month"): Lists(("team", "team_id"), is_steady=False),
    ("GET", "/console/jobs"): Lists(JOBS, is_steady=False),
    ("GET", "/console/jobs/{job_id}"): ById("job"),
    ("GET", "/console/jobs/{job_id}/now"): ById("job"),
    ("POST", "/console/jobs/{job_id}/again"): ById("job", content="once=1", content_type=FORM),
    ("POST", "/console/jobs/{job_id}/cancel"): ById("job", content="", content_type=FORM),
    ("GET", "/console/pictures/{job_id}/{place}"): ById(
        "job", ("/console/pictures/<id>/0", "/console/pictures/<id>/0?size=thumbnail")
    ),
    ("GET", "/playground"): ById("job", ("/playground?job=<id>",)),
    ("POST", "/playground/price"): Makes(content='{"model": "fal-ai/flux-1/dev", "input": {}}'),
    ("GET", "/console/usage"): Lists(USAGE, is_steady=False),
    ("GET", "/console/usage.csv"): Lists(USAGE, is_steady=False),
    ("GET", "/console/teams"): Admin("team", ("/console/teams",)),
    ("GET", "/console/teams/new"): Admin("team", ("/console/teams/new",)),
    ("POST", "/console/teams/new"): Admin("team", ("/console/teams/new",), "name=mine", FORM),
    ("GET", "/console/teams/{id}"): Admin("team"),
    ("POST", "/console/teams/{id}"): Admin("team", content="name=mine", content_type=FORM),
    ("POST", "/console/teams/{id}/revoke"): Admin("team", content_type=FORM),
    ("GET", "/console/keys"): Admin("team", ("/console/keys?team=<id>",)),
    ("GET", "/console/keys/new"): Admin("team", ("/console/keys/new?team=<id>",)),
    ("POST", "/console/keys/new"): Admin("team", ("/console/keys/new",), "team=<id>&name=mine", FORM),
    ("GET", "/console/keys/{id}"): Admin("key"),
    ("POST", "/console/keys/{id}"): Admin("key", content="name=mine", content_type=FORM),
    ("POST", "/console/keys/{id}/rotate"): Admin("key", content_type=FORM),
    ("POST", "/console/keys/{id}/revoke"): Admin("key", content_type=FORM),
    ("GET", "/console/unknown"): Admin("job", ("/console/unknown",)),
    ("GET", "/console/unknown/{id}"): Admin("job"),
    ("POST", "/console/unknown/{id}/bind"): Admin("job", content="upstream_id=mine", content_type=FORM),
    ("POST", "/console/unknown/{id}/settle"): Admin("job", content="outcome=charge", content_type=FORM),
    ("POST", "/console/unknown/{id}/resubmit"): Admin("job", content_type=FORM),
    ("GET", "/console/audit"): Admin("team", ("/console/audit",)),
    ("POST", "/console/audit/verify"): Admin("team", ("/console/audit/verify",), content_type=FORM),
    # Nothing of any team.
    ("GET", "/docs"): Open(),
    ("GET", "/openapi.json"): Open(),
    ("HEAD", "/openapi.json"): Open(),
    ("GET", "/console/sign-in"): Open(),
    ("POST", "/console/sign-in"): Open(),
    ("POST", "/console/sign-out"): Open(),
    (MOUNT, "/console/static"): Open(),
    ("GET", "/.well-known/jwks.json"): Open(),
    ("GET", "/livez"): Open(),
    ("GET", "/readyz"): Open(),
    ("GET", "/metrics"): Open(),
}
