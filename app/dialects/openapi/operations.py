"""What each operation takes and gives, and which credential it wants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from app.dialects.openapi.words import headers, parameter, query

JSON: Final = "application/json"
ANY_PICTURE: Final = "image/*"


class Credential(Enum):
    """What has to be shown."""

    NONE = "none"
    CALLER = "caller"  # a key, or a browser token
    KEY = "key"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of an operation.

    Attributes:
        answer: the name of the shape of a good answer, or its media type where it is not JSON.
        body: the name of the shape of what is sent; `model` for the input of any model, or a media type.
        status: of the good answer.
        also: further statuses of answers of this shape.
        parameters: beside those of the path.
    """

    answer: str
    body: str | None = None
    status: int = 200
    credential: Credential = Credential.CALLER
    parameters: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    also: Sequence[int] = ()


CALLER, KEY, ADMIN, NONE = Credential.CALLER, Credential.KEY, Credential.ADMIN, Credential.NONE

PATH_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "app": ("text", "The app of the job's model without `fal-ai/`, such as `flux-1`."),
    "file_id": ("text", "The file, as its address has it."),
    "id": ("id", "The id of the team, key or job."),
    "job_id": ("id", "The id of the job."),
    "model": ("text", "The model without `fal-ai/`, slashes and all, such as `flux-1/dev`."),
    "model_id": ("text", "The model, such as `fal-ai/flux-1/dev`."),
    "name": ("text", "The file's name."),
    "place": ("count", "Which picture of the job, from 0 on."),
    "request_id": ("id", "The id of the job."),
}

PAGE: Final = query(cursor="text: `next_cursor` of the page before.", limit="count: Items in a page.")
PERIOD: Final = query(
    from_="text: A day or a moment, such as 2026-01-31 or 2026-01-31T12:00:00Z.",
    to="text: The same; up to, and without it.",
)
TEAM: Final = query(team="text: The name or the id of a team.")
JOBS: Final = [
    *query(
        q="text: Words that all have to be in the prompt.",
        state="text: A state of a job.",
        model="text: A model's id.",
        key="text: The name or the id of a key.",
        end_user="text: For whom the jobs were.",
    ),
    *PERIOD,
    *PAGE,
]
USAGE: Final = [
    *PERIOD,
    *query(group_by="text: Some of team, key, model, day, end_user, with commas between them."),
]
SUBMIT: Final = headers(
    idempotency_key="text: The caller's word for this request; a repeat under it gives the same job.",
    cache_control="text: `no-cache`, `no-store` or `max-age=N`: whether an earlier answer may be given.",
    x_fluxgate_end_user="text: For whom the caller asks; usage can be grouped by it.",
    traceparent="text: The caller's place in a trace, as W3C has it.",
)
HOOK: Final = query(fal_webhook="url: Whom to tell when the job has ended; with a key alone.")
SIGNED: Final = query(expires="count: As the link has it.", signature="text: As the link has it.")
TARGET: Final = [
    {**parameter("header", "X-Fal-Target-Url", "The address at fal that is meant.", "url"), "required": True}
]

OPERATIONS: Final[Mapping[tuple[str, str], Told]] = {
    ("post", "/fal-ai/{model}"): Told(
        "Submitted",
        "model",
        parameters=[
            *HOOK,
            *SUBMIT,
            *headers(prefer="text: `wait=N` answers with the result, should it be there in N seconds."),
        ],
    ),
    ("post", "/run/fal-ai/{model}"): Told(
        "ModelAnswer",
        "model",
        parameters=[*HOOK, *SUBMIT, *headers(x_fal_request_timeout="number: By when it has to have begun.")],
    ),
    ("post", "/storage/upload/initiate"): Told("UploadBegun", "object"),
    ("put", "/storage/upload/{file_id}"): Told(
        "UploadPut", ANY_PICTURE, credential=NONE, parameters=query(capability="text: As the address has it.")
    ),
    ("post", "/storage/auth/token"): Told("UploadToken"),
    ("post", "/files/upload"): Told(
        "Uploaded", ANY_PICTURE, parameters=headers(x_fal_file_name="text: The file's name.")
    ),
    ("post", "/files/upload/multipart"): Told("FalError", status=413),
    ("post", "/storage/upload/initiate-multipart"): Told("FalError", status=413),
    ("get", "/files/{file_id}/{name}"): Told(ANY_PICTURE, credential=NONE),
    ("get", "/vault/{job_id}/{place}"): Told(ANY_PICTURE, credential=NONE, parameters=SIGNED),
    ("get", "/vault/{job_id}/{place}/thumbnail"): Told(ANY_PICTURE, credential=NONE, parameters=SIGNED),
    ("get", "/api/images"): Told(
        "FoundImages",
        credential=KEY,
        parameters=[*query(sha256="text: The SHA-256 of the content, in hexadecimal."), *PAGE],
    ),
    ("get", "/api/images/{job_id}"): Told("KeptImages"),
    ("get", "/api/jobs"): Told("Jobs", parameters=JOBS),
    ("get", "/api/jobs/{job_id}"): Told("JobInFull"),
    ("get", "/api/usage"): Told("Usage", credential=KEY, parameters=USAGE),
    ("get", "/api/usage.csv"): Told("text/csv", credential=KEY, parameters=USAGE),
    ("get", "/api/me"): Told("Me"),
    ("post", "/api/tokens"): Told("Token", "TokenRequest", 201, KEY),
    ("get", "/api/deliveries"): Told(
        "Deliveries",
        credential=KEY,
        parameters=[*query(state="pending|delivered|failed: Those in this state."), *PAGE],
    ),
    ("post", "/api/deliveries/{job_id}/repeat"): Told("Delivery", credential=KEY),
    ("get", "/v1/models"): Told("Models"),
    ("get", "/v1/models/{model_id}"): Told("Model"),
    ("post", "/v1/images/generations"): Told("Images", "ImagesRequest", parameters=SUBMIT),
    ("get", "/.well-known/jwks.json"): Told("KeySet", credential=NONE),
    ("get", "/api/admin/jobs"): Told("Jobs", credential=ADMIN, parameters=[*TEAM, *JOBS]),
    ("get", "/api/admin/jobs/{job_id}"): Told("JobInFull", credential=ADMIN),
    ("get", "/api/admin/usage"): Told("Usage", credential=ADMIN, parameters=[*TEAM, *USAGE]),
    ("get", "/api/admin/usage.csv"): Told("text/csv", credential=ADMIN, parameters=[*TEAM, *USAGE]),
    ("get", "/api/admin/teams"): Told("Teams", credential=ADMIN, parameters=PAGE),
    ("post", "/api/admin/teams"): Told("Team", "NewTeam", 201, ADMIN),
    ("get", "/api/admin/teams/{id}"): Told("Team", credential=ADMIN),
    ("patch", "/api/admin/teams/{id}"): Told("Team", "TeamChange", credential=ADMIN),
    ("delete", "/api/admin/teams/{id}"): Told("Team", credential=ADMIN),
    ("get", "/api/admin/keys"): Told("Keys", credential=ADMIN, parameters=[*TEAM, *PAGE]),
    ("post", "/api/admin/keys"): Told("KeyWithSecret", "NewKey", 201, ADMIN),
    ("get", "/api/admin/keys/{id}"): Told("Key", credential=ADMIN),
    ("patch", "/api/admin/keys/{id}"): Told("Key", "KeyChange", credential=ADMIN),
    ("delete", "/api/admin/keys/{id}"): Told("Key", credential=ADMIN),
    ("post", "/api/admin/keys/{id}/rotate"): Told("KeyWithSecret", "KeyRotation", credential=ADMIN),
    ("get", "/api/admin/audit"): Told("Trail", credential=ADMIN, parameters=PAGE),
    ("get", "/api/admin/audit/verify"): Told(
        "TrailVerdict",
        credential=ADMIN,
        parameters=query(noted="text: A `head` that was told before; the trail must still contain it."),
    ),
    ("get", "/api/admin/unknown"): Told("UnknownJobs", credential=ADMIN, parameters=PAGE),
    ("get", "/api/admin/unknown/{id}"): Told("UnknownJob", credential=ADMIN),
    ("post", "/api/admin/unknown/{id}"): Told("Settled", "Settlement", credential=ADMIN),
    ("post", "/api/admin/unknown/{id}/bind"): Told("object", "Binding", credential=ADMIN),
    ("post", "/api/admin/unknown/{id}/resubmit"): Told("object", "Resubmission", credential=ADMIN),
    ("get", "/livez"): Told("Alive", credential=NONE),
    ("get", "/readyz"): Told("Ready", credential=NONE),
    ("get", "/metrics"): Told("text/plain", credential=NONE),
}

# One route of ours answers several addresses, and another has none in the router: they are told as callers
# know them.
EXTRA: Final[Mapping[tuple[str, str], tuple[str, str, Told]]] = {
    ("get", "/fal-ai/{app}/requests/{request_id}/status"): (
        "fal queue",
        "How a job stands; 202 while it is under way.",
        Told("Status", parameters=query(logs="text: `1` gives its logs, too."), also=(202,)),
    ),
    ("get", "/fal-ai/{app}/requests/{request_id}/status/stream"): (
        "fal queue",
        "How a job stands, whenever that changes, as server-sent events.",
        Told("text/event-stream", parameters=query(logs="text: `1` gives its logs, too.")),
    ),
    ("get", "/fal-ai/{app}/requests/{request_id}"): (
        "fal queue",
        "The result of a job; 400 while it is under way.",
        Told("ModelAnswer"),
    ),
    ("put", "/fal-ai/{app}/requests/{request_id}/cancel"): (
        "fal queue",
        "Stops a job where that is still possible; 202 where the upstream was asked to, 400 when it is late.",
        Told("Cancelled", also=(202, 400)),
    ),
    ("get", "/api/fal/proxy"): (
        "fal proxy",
        "The same as a GET of the address named.",
        Told("any", parameters=TARGET),
    ),
    ("post", "/api/fal/proxy"): (
        "fal proxy",
        "The same as a POST to the address named; for `fal.config({proxyUrl})`.",
        Told("any", "object", parameters=TARGET),
    ),
    ("put", "/api/fal/proxy"): (
        "fal proxy",
        "The same as a PUT to the address named.",
        Told("any", parameters=TARGET),
    ),
}
INSTEAD_OF: Final = frozenset({("get", "/fal-ai/{path}"), ("put", "/fal-ai/{path}")})
