"""A stored job in the words that its team knows it by. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from app.audit.kept_images import KeptOfJob
from app.billing.money import usd, usd_or_none
from app.storage.postgres import Row
from app.upstream.answer_pictures import answer_object, pictures_of

IMAGE_FIELDS: Final = ("url", "width", "height", "content_type")

LINK_FIELDS: Final = ("vault_url", "thumbnail_url", "sha256")
NOTHING_KEPT: Final[KeptOfJob] = MappingProxyType({})

_AS_THEY_ARE: Final = (
    "created_at",
    "submitted_at",
    "started_at",
    "completed_at",
    "error",
    "error_type",
    "cache",
)


def shown_job(row: Row, kept: KeptOfJob = NOTHING_KEPT) -> dict[str, Any]:
    """The job as every listing shows it, with what the vault has of its pictures.

    In a page an `input` that is very large is null, and so are the `images` of such an answer. What is not
    kept any more is null since `purged_at`.
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
        "images": _without_answer(kept) if is_made and body is None else _images(made, kept),
        "seed": made.get("seed"),
        "purged_at": row["purged_at"],
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


def _images(made: Mapping[str, Any], kept: KeptOfJob) -> list[dict[str, Any]]:
    """The pictures that an answer names, with the vault's links to those that are kept."""
    return [
        _image(picture) | {name: kept[place][name] for name in LINK_FIELDS if place in kept}
        for place, picture in enumerate(pictures_of(made) or ())
    ]


def _without_answer(kept: KeptOfJob) -> list[dict[str, Any]] | None:
    """The pictures of an answer that is not at hand, as far as the vault has them."""
    names = (*IMAGE_FIELDS, *LINK_FIELDS)
    return [{name: image.get(name) for name in names} for _, image in sorted(kept.items())] or None


def _image(image: object) -> dict[str, Any]:
    return {name: image.get(name) if isinstance(image, dict) else None for name in IMAGE_FIELDS}
