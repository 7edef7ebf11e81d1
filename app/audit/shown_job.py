"""A stored job in the words that its team knows it by. Pure."""

from typing import Any, Final

import orjson

from app.billing.money import usd, usd_or_none
from app.storage.postgres import Row
from app.upstream.answer_pictures import answer_object, pictures_of

IMAGE_FIELDS: Final = ("url", "width", "height", "content_type")

_AS_THEY_ARE: Final = (
    "created_at",
    "submitted_at",
    "started_at",
    "completed_at",
    "error",
    "error_type",
    "cache",
)


def shown_job(row: Row) -> dict[str, Any]:
    """The job as every listing shows it.

    In a page an `input` that is very large is null, and so are the `images` of such an answer.
    """
    is_made, body = row["state"] == "succeeded", row["body"]
    made = answer_object(body) if is_made and body is not None else {}
    return {
        "id": str(row["id"]),
        **{name: row[name] for name in ("state", "model", "team", "key", "end_user", "prompt")},
        "input": None if row["input"] is None else orjson.Fragment(row["input"]),
        **{name: row[name] for name in _AS_THEY_ARE},
        "cost_usd": usd_or_none(row["cost_micros"]),
        "reserved_usd": usd_or_none(held_micros(row)),
        "saved_usd": usd_or_none(_saved_micros(row)),
        "images": None if is_made and body is None else [_image(one) for one in pictures_of(made) or ()],
        "seed": made.get("seed"),
    }


def held_micros(row: Row) -> int | None:
    """What is held for the job at this moment; None while it is open and its price is not known."""
    is_held = row["completed_at"] is None and row["source_job_id"] is None
    return row["reserved_micros"] if is_held else 0


def shown_entry(row: Row) -> dict[str, Any]:
    """An entry of a job's ledger; its amount is what was reserved, charged, given back or corrected."""
    amount = row["spent_micros"]
    if row["kind"] in ("reserve", "release") and row["reserved_micros"] is not None:
        amount = abs(row["reserved_micros"])
    shown = None if amount is None else usd(amount)
    return {"kind": row["kind"], "at": row["at"], "amount_usd": shown, "note": row["note"]}


def _saved_micros(row: Row) -> int | None:
    """Nothing, unless another job's answer was given; and then perhaps nobody knows how much."""
    return 0 if row["source_job_id"] is None else row["saved_micros"]


def _image(image: object) -> dict[str, Any]:
    return {name: image.get(name) if isinstance(image, dict) else None for name in IMAGE_FIELDS}
