"""What a prompt asks to go wrong: words in square brackets, anywhere in the prompt.

How the job runs:

    [slow 10]            runs 10 seconds
    [queue 5]            is kept 5 seconds in the queue before it may run
    [nsfw]               every image is flagged, and black while the safety checker is on
    [stubborn]           a cancellation while it runs is accepted, and yet it completes
    [lost]               its status, its result and its cancellation answer 404
    [huge 30]            its result is 30 MB long, at most 200
    [fail 500]           completes with an error, and its result answers that status
    [fail 422]           the same, as a prompt that a content checker refused
    [fail 422 billed]    the same, with billable units
    [fail 200]           the same, but nothing in its result says so: it just has no images

What a route answers, where ROUTE is submit, status, result or cancel:

    [ROUTE 503]          this status instead of its answer; a refused submit accepts nothing
    [ROUTE 503 2]        only the first 2 times, counted by job (for submit by prompt)
    [ROUTE 429 retry-after=2]
    [submit 500 accepted]  the job is accepted, and the answer is still this status
    [ROUTE garbage]      200 with a page of HTML; a submit has been accepted
    [ROUTE reset]        the connection is closed without an answer; a submit has been accepted
    [ROUTE hang 30]      the answer comes 30 seconds late; a submit has been accepted

What becomes of the webhook that a submit asked for; several may be said of one:

    [webhook none]       is never sent
    [webhook 3]          is sent 3 times, whatever is answered
    [webhook late 5]     is sent 5 seconds after the end of the job
    [webhook early]      the submit is only answered after the job has ended and the webhook was sent
    [webhook forged]     is signed with a key that is not among the published ones
    [webhook stale]      is signed as of ten minutes ago
    [webhook retried]    has another gateway_request_id, as after a retry inside the upstream
    [webhook astray]     is about another request

Unknown words and brackets are part of the prompt.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

Route = Literal["submit", "status", "result", "cancel"]

ROUTES: dict[str, Route] = {"submit": "submit", "status": "status", "result": "result", "cancel": "cancel"}
FLAGS = frozenset({"nsfw", "stubborn", "lost"})
AMOUNTS = frozenset({"slow", "queue", "huge"})
HUGEST_MEGABYTES = 200.0
HANG_SECONDS = 30.0
LATE_SECONDS = 5.0
MOST_WEBHOOKS = 100
WEBHOOK_FAULTS = frozenset({"forged", "stale", "retried", "astray"})


@dataclass(frozen=True)
class Trouble:
    """What one route answers instead of its answer.

    Attributes:
        route: the route that is in trouble.
        kind: a status answered, or garbage, reset, hang.
        status: the HTTP status of the kind `status`.
        times: how often, before the route behaves; None is always.
        seconds: how long the kind `hang` holds the answer back.
        accepted: whether a submit is accepted in spite of its answer.
        retry_after: the value of the header of that name.
    """

    route: Route
    kind: Literal["status", "garbage", "reset", "hang"]
    status: int = 500
    times: int | None = None
    seconds: float = 0.0
    accepted: bool = True
    retry_after: str | None = None


@dataclass(frozen=True)
class WebhookWish:
    """How the webhook of a job is sent.

    Attributes:
        times: how often; None is once, and again until it is taken.
        late: seconds after the end of the job.
        is_early: before the answer to the submit.
        faults: what is wrong with it, in the words of the directives.
    """

    times: int | None = None
    late: float = 0.0
    is_early: bool = False
    faults: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Directives:
    """Everything that a prompt asks of its job; durations in seconds, `huge` in megabytes."""

    slow: float | None = None
    queue: float = 0.0
    huge: float = 0.0
    nsfw: bool = False
    stubborn: bool = False
    lost: bool = False
    fail: int | None = None
    billed: bool = False
    troubles: tuple[Trouble, ...] = ()
    webhook: WebhookWish = WebhookWish()


def read_directives(prompt: str) -> Directives:
    """Reads the words in square brackets; what is not a directive is passed over."""
    amounts: dict[str, float] = {}
    flags: set[str] = set()
    fail: int | None = None
    troubles: list[Trouble] = []
    webhook = WebhookWish()
    for text in re.findall(r"\[([^\[\]]+)\]", prompt):
        word, *arguments = text.split() or [""]
        if word in FLAGS:
            flags.add(word)
        elif word in AMOUNTS and arguments and _is_number(arguments[0]):
            amounts[word] = float(arguments[0])
        elif word == "fail" and arguments and (arguments[0] == "200" or _is_status(arguments[0])):
            fail = int(arguments[0])
            flags |= {"billed"} & set(arguments)
        elif word in ROUTES and arguments and (trouble := _read_trouble(ROUTES[word], *arguments)):
            troubles.append(trouble)
        elif word == "webhook" and arguments:
            webhook = _read_webhook(webhook, *arguments)
    return Directives(
        slow=amounts.get("slow"),
        queue=amounts.get("queue", 0.0),
        huge=min(amounts.get("huge", 0.0), HUGEST_MEGABYTES),
        nsfw="nsfw" in flags,
        stubborn="stubborn" in flags,
        lost="lost" in flags,
        fail=fail,
        billed="billed" in flags,
        troubles=tuple(troubles),
        webhook=webhook,
    )


def _read_webhook(wish: WebhookWish, kind: str, *rest: str) -> WebhookWish:
    if kind in WEBHOOK_FAULTS:
        return replace(wish, faults=wish.faults | {kind})
    match kind:
        case "none":
            return replace(wish, times=0)
        case "early":
            return replace(wish, is_early=True)
        case "late":
            seconds = next((float(text) for text in rest if _is_number(text)), LATE_SECONDS)
            return replace(wish, late=seconds)
    return replace(wish, times=min(int(float(kind)), MOST_WEBHOOKS)) if _is_number(kind) else wish


def _read_trouble(route: Route, kind: str, *rest: str) -> Trouble | None:
    number = next((float(text) for text in rest if _is_number(text)), None)
    times = None if number is None else int(number)
    match kind:
        case "hang":
            return Trouble(route, "hang", seconds=HANG_SECONDS if number is None else number)
        case "garbage" | "reset":
            return Trouble(route, kind, times=times)
    if not _is_status(kind):
        return None
    retry_after = next((text.partition("=")[2] for text in rest if text.startswith("retry-after=")), None)
    return Trouble(
        route,
        "status",
        status=int(kind),
        times=times,
        accepted="accepted" in rest,
        retry_after=retry_after if retry_after and _is_number(retry_after) else None,
    )


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) is not None


def _is_status(text: str) -> bool:
    return re.fullmatch(r"[45][0-9]{2}", text) is not None
