"""The shapes of what comes in and goes out, by the names that the document has for them."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from app.admin.limits import (
    Amendment,
    Binding,
    NewKey,
    NewTeam,
    Resubmission,
    Rotation,
    Settlement,
    TeamAmendment,
)
from app.catalogue.lookup import Catalogue
from app.dialects.api_tokens import TokenFields
from app.dialects.openai_request import ImagesFields
from app.dialects.openapi.words import SCHEMAS, both, page_of, schema_of, thing
from app.jobs.states import JobState, QueueStatus

BODIES: Final[Mapping[str, type[BaseModel]]] = {
    "NewTeam": NewTeam,
    "TeamChange": TeamAmendment,
    "NewKey": NewKey,
    "KeyChange": Amendment,
    "KeyRotation": Rotation,
    "Settlement": Settlement,
    "Binding": Binding,
    "Resubmission": Resubmission,
    "TokenRequest": TokenFields,
    "ImagesRequest": ImagesFields,
}

# What one might send; `model` is the input of any model.
EXAMPLES: Final[Mapping[str, dict[str, Any]]] = {
    "model": {"prompt": "a lighthouse at dusk", "image_size": "landscape_4_3"},
    "NewTeam": {"name": "studio", "budget_usd": "50", "max_in_flight": 20},
    "TeamChange": {"budget_usd": "80", "keeps_images": True},
    "NewKey": {"team": "studio", "name": "backend", "requests_per_minute": 120},
    "KeyChange": {"requests_per_minute": None},
    "KeyRotation": {"grace_seconds": 3600},
    "Settlement": {"cost_usd": "0.025", "note": "as on the invoice"},
    "Binding": {"upstream_id": "0190a0b0-0000-7000-8000-000000000000"},
    "Resubmission": {"note": "the upstream has no such job"},
    "TokenRequest": {"ttl_seconds": 600, "origin": "https://app.example.com", "max_images": 10},
    "ImagesRequest": {"model": "fal-ai/flux-1/dev", "prompt": "a lighthouse at dusk", "size": "1024x1024"},
}

SECRET: Final = {"token": "text"}
ERROR: Final = {"error_type": "text"}
NO_ERROR_YET: Final = {"error_type": "text?"}
_STATES: Final = "|".join(JobState)
_STATUSES: Final = "|".join(QueueStatus)

ANSWERS: Final[Mapping[str, dict[str, Any]]] = {
    "FalError": {
        "type": "object",
        "description": "fal's form of an error; of invalid input `detail` is a list of problems, without "
        "`error_type`.",
        "properties": {
            "detail": {"anyOf": [schema_of("text"), schema_of("[object]")]},
            "error_type": schema_of("text"),
        },
        "required": ["detail"],
    },
    "Problem": thing(
        "Problem details, RFC 9457; of invalid input `errors` lists what is wrong.",
        type="text",
        title="text",
        status="count",
        detail="text",
        **ERROR,
    ),
    "OpenAIError": thing("OpenAI's form of an error.", error="object"),
    "Submitted": thing(
        "The job that was made, and where to ask for it.",
        status=_STATUSES,
        request_id="id",
        response_url="url",
        status_url="url",
        cancel_url="url",
        queue_position="count",
        logs="any",
        metrics="object",
    ),
    "Status": thing(
        "How a job stands; `queue_position` while it waits, `error` and `error_type` where it failed.",
        status=_STATUSES,
        request_id="id",
        response_url="url",
        status_url="url",
        cancel_url="url",
        logs="any",
        metrics="object",
    ),
    "Cancelled": thing("What became of the wish.", status="OK|CANCELLATION_REQUESTED|ALREADY_COMPLETED"),
    "ModelAnswer": thing("The model's own answer, to the byte; for most models:", images="[Picture]"),
    "Picture": thing(
        "A picture; null where the model does not say.",
        url="url",
        width="count?",
        height="count?",
        content_type="text?",
    ),
    "UploadBegun": thing("Where to put the file, and where it will be.", upload_url="url", file_url="url"),
    "UploadPut": thing("Where the file is.", file_url="url"),
    "Uploaded": thing("Where the file is.", access_url="url"),
    "UploadToken": thing(
        "A token for uploads.", base_url="url", expires_at="moment", **{**SECRET, "token_type": "text"}
    ),
    "Job": thing(
        "A job. In a page a very large `input` is null, and so are the `images` of such an answer.",
        id="id",
        state=_STATES,
        model="text",
        team="text",
        key="text",
        end_user="text?",
        prompt="text?",
        input="any",
        created_at="moment",
        submitted_at="moment?",
        started_at="moment?",
        completed_at="moment?",
        purged_at="moment?",
        error="text?",
        **NO_ERROR_YET,
        cache="HIT|JOINED|MISS|BYPASS",
        cost_usd="usd?",
        reserved_usd="usd?",
        saved_usd="usd?",
        images="any",
        seed="any",
    ),
    "JobInFull": both(
        "Job",
        thing(
            "What is told of one job alone.",
            timeline="[object]",
            ledger="[object]",
            attempts="[object]",
            deliveries="[Delivery]",
        ),
    ),
    "Jobs": page_of("Job"),
    "Usage": thing(
        "Lines for what `group_by` names, and all of them together.",
        items="[UsageLine]",
        totals="UsageLine",
    ),
    "UsageLine": thing(
        "Beside these the columns that are grouped by.",
        jobs="count",
        succeeded="count",
        failed="count",
        images="count",
        cost_usd="usd",
        saved_usd="usd",
        unpriced="count",
    ),
    "Me": thing(
        "A credential; `limits` by `key` and `team`, or `token`; what is null is no limit.",
        kind="key|token",
        id="id",
        name="text",
        team="text",
        end_user="text?",
        models="any",
        limits="object",
        left_usd="usd?",
    ),
    "Token": thing("A browser token, told this once.", id="id", expires_at="moment", **SECRET),
    "Models": thing("OpenAI's list of models.", object="=list", data="[Model]"),
    "Model": thing("A model.", id="text", object="=model", created="count", owned_by="text"),
    "Images": thing("OpenAI's answer; `url` or `b64_json` in each.", created="count", data="[object]"),
    "Delivery": thing(
        "A webhook that is or was owed.",
        id="text",
        job_id="id",
        url="url",
        state="pending|delivered|failed",
        attempts="any",
        created_at="moment",
        delivered_at="moment?",
        last_status="count?",
        last_error="text?",
        next_attempt_at="moment?",
    ),
    "Deliveries": page_of("Delivery"),
    "KeptImages": thing("The pictures of a job.", job_id="id", items="[object]"),
    "FoundImages": page_of("object"),
    "KeySet": thing("A JWK set, RFC 7517.", keys="[object]"),
    "Limited": thing(
        "A team or a key with its limits and what is used of them; null where there is no limit.",
        id="id",
        name="text",
        created_at="moment",
        revoked_at="moment?",
        expires_at="moment?",
        requests_per_minute="count?",
        max_in_flight="count?",
        in_flight="count",
        models="any",
        budget_usd="usd?",
        budget_period="day|month|total",
        spent_usd="usd",
        reserved_usd="usd",
        left_usd="usd?",
        window_resets_at="moment?",
    ),
    "Team": both(
        "Limited",
        thing(
            "What is kept of its jobs; null where the installation's setting counts.",
            privacy="full|hashed|none",
            payload_days="count?",
            job_days="count?",
            image_days="count?",
            keeps_images="yes",
            rewrites_urls="yes",
        ),
    ),
    "Teams": page_of("Team"),
    "Key": both(
        "Limited",
        thing(
            "Whose it is; `previous_expires_at` is how long the secret before the last rotation counts.",
            team="text",
            team_id="id",
            hint="text",
            previous_expires_at="moment?",
            team_revoked_at="moment?",
            team_expires_at="moment?",
        ),
    ),
    "Keys": page_of("Key"),
    "KeyWithSecret": both("Key", thing("The secret, told this once.", key="text")),
    "Trail": page_of("TrailRow"),
    "TrailRow": thing(
        "A change, and what was before and after.",
        id="count",
        at="moment",
        actor="text",
        action="text",
        subject_id="text",
        before="any",
        after="any",
    ),
    "TrailVerdict": thing(
        "Whether the trail is whole; note `head` somewhere else.",
        is_whole="yes",
        rows="count",
        head="text?",
        problems="[object]",
    ),
    "UnknownJob": thing(
        "A job that may or may not have been accepted upstream.",
        id="id",
        team="text",
        key="text",
        model="text",
        state=_STATES,
        since="moment",
        note="text?",
        told_at="moment?",
        resubmitted_at="moment?",
        reserved_usd="usd?",
        charged_usd="usd?",
    ),
    "UnknownJobs": page_of("UnknownJob"),
    "Settled": thing(
        "What the job costs now.",
        id="id",
        charged_usd="usd?",
        adjusted_usd="usd",
        cost_usd="usd",
        note="text?",
    ),
    "Alive": thing("The process answers.", status="=alive"),
    "Ready": thing(
        "Whether requests should be sent here. `held_jobs` counts those that are accepted or unknown.",
        status="ready|not ready",
        parts="object",
        held_jobs="object?",
    ),
}


def shapes() -> dict[str, Any]:
    """All of them; inputs of models come from the catalogue, one for all models that have the same."""
    found = dict(ANSWERS)
    for name, body in BODIES.items():
        found |= _as_written(name, body)
    for model in Catalogue(allow_unlisted=False).listed():
        if model.input is not None:
            found |= _as_written(model.input.__name__, model.input)
    return found


def input_names() -> list[str]:
    """The names of the inputs of models."""
    models = Catalogue(allow_unlisted=False).listed()
    return list(dict.fromkeys(model.input.__name__ for model in models if model.input is not None))


def _as_written(name: str, body: type[BaseModel]) -> dict[str, Any]:
    """The schema of a body, and of what it is made of; amounts are dollars, whatever we make of them."""
    schema = body.model_json_schema(ref_template=SCHEMAS + "{model}")
    parts: dict[str, Any] = schema.pop("$defs", {})
    for field, told in schema.get("properties", {}).items():
        if field.endswith("_usd"):
            told.pop("anyOf", None)
            told.pop("minimum", None)
            told |= {"type": ["string", "number", "null"], "description": "US dollars, such as 0.025."}
    return {**parts, name: schema}
