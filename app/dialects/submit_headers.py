"""What a submit says in its headers beyond the body, and what its answer says in return."""

import re

from starlette.requests import Request

from app.errors import BadRequest
from app.jobs.request import CacheWish
from app.jobs.submit import Submitted

LONGEST_KEY = 255
LONGEST_END_USER = 200
MAX_AGE = re.compile(r"max-age=\"?(\d{1,9})\"?")


def idempotency_key(request: Request) -> str | None:
    """The caller's word for this request; `"a"` in quotes, as the draft standard has it, is the same as `a`.

    Raises:
        BadRequest: it is empty, too long, not printable ASCII, or there are several.
    """
    key = _single(request, "idempotency-key")
    if key is None:
        return None
    if len(key) >= 2 and key.startswith('"') and key.endswith('"'):
        key = key[1:-1]
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise BadRequest(f"Idempotency-Key has 1 to {LONGEST_KEY} printable ASCII characters.")
    return key


def end_user(request: Request) -> str | None:
    """For whom the caller asks, as `X-Fluxgate-End-User` tells; it is what usage can be grouped by.

    Raises:
        BadRequest: it is too long, not printable, or there are several.
    """
    name = _single(request, "x-fluxgate-end-user")
    if name is None or not name.strip():
        return None
    name = name.strip()
    try:
        # Header bytes come as Latin-1; names beyond ASCII are sent as UTF-8.
        name = name.encode("latin-1").decode()
    except UnicodeDecodeError as error:
        raise BadRequest("X-Fluxgate-End-User is not UTF-8.") from error
    if len(name) > LONGEST_END_USER or not name.isprintable():
        raise BadRequest(f"X-Fluxgate-End-User has 1 to {LONGEST_END_USER} printable characters.")
    return name


def cache_wish(request: Request) -> CacheWish:
    """What `Cache-Control` asks for: `no-cache`, `no-store`, `max-age=N`; other words mean nothing here."""
    words = [word.strip().lower() for word in request.headers.get("cache-control", "").split(",")]
    if "no-store" in words:
        return CacheWish(max_age_seconds=0.0, may_keep=False)
    if "no-cache" in words:
        return CacheWish(max_age_seconds=0.0)
    ages = [float(match[1]) for word in words if (match := MAX_AGE.fullmatch(word))]
    return CacheWish(max_age_seconds=min(ages, default=None))


def submit_answer_headers(submitted: Submitted) -> dict[str, str]:
    """What an answer to a submit tells beside its body."""
    headers = {} if submitted.rate is None else dict(submitted.rate.headers)
    if submitted.is_replay:
        headers["idempotency-replayed"] = "true"
    return headers


def _single(request: Request, name: str) -> str | None:
    values = request.headers.getlist(name)
    if len(values) > 1:
        raise BadRequest(f"Send one {name} header, not several.")
    return values[0] if values else None
