"""The job that a request makes: what is the same request, what may be shared, who asks."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from app.billing.prices import PriceBook
from app.callers.caller import Caller
from app.callers.policy import Privacy
from app.catalogue.lookup import Catalogue
from app.jobs.job import NewJob
from app.jobs.request import CacheWish, SubmitRequest, job_for

DEV = Catalogue(allow_unlisted=False).find("fal-ai/flux-1/dev")
CALLER = Caller(key_id=uuid4(), key_name="a key", team_id=uuid4(), team_name="a team")
ASK = SubmitRequest(model=DEV, given={"prompt": "a cat", "seed": 1}, upstream_headers={})


def made(ask: SubmitRequest = ASK, caller: Caller = CALLER, **given: Any) -> NewJob:
    return job_for(caller, replace(ask, given={**ask.given, **given}), PriceBook(1, ()), has_cache=True)


@pytest.mark.parametrize(
    "same",
    [{"image_size": None}, {"acceleration": "default"}, {"num_inference_steps": 0}],
    ids=str,
)
def test_what_means_the_same_is_the_same_request(same: dict[str, Any]) -> None:
    assert made(**same).claims.request_digest == made().claims.request_digest


@pytest.mark.parametrize(
    "other",
    [{"seed": 2}, {"prompt": "a dog"}, {"num_images": 2}, {"unheard_of": 1}],
    ids=str,
)
def test_what_differs_is_another_request(other: dict[str, Any]) -> None:
    assert made(**other).claims.request_digest != made().claims.request_digest


def test_model_and_submit_headers_belong_to_the_request() -> None:
    schnell = Catalogue(allow_unlisted=False).find("fal-ai/flux-1/schnell")
    digests = {
        made(ask).claims.request_digest
        for ask in (ASK, replace(ASK, model=schnell), replace(ASK, upstream_headers={"x-fal-no-retry": "1"}))
    }
    assert len(digests) == 3


SHARED = {
    "seeded": (ASK, "MISS", True),
    "unseeded": (replace(ASK, given={"prompt": "a cat"}), "BYPASS", False),
    "unseeded, wanted": (
        replace(ASK, given={"prompt": "a cat"}, cache=CacheWish(max_age_seconds=60.0)),
        "MISS",
        True,
    ),
    "unseeded, new": (
        replace(ASK, given={"prompt": "a cat"}, cache=CacheWish(max_age_seconds=0.0)),
        "BYPASS",
        False,
    ),
    "new": (replace(ASK, cache=CacheWish(max_age_seconds=0.0)), "BYPASS", True),
    "not kept": (replace(ASK, cache=CacheWish(max_age_seconds=0.0, may_keep=False)), "BYPASS", False),
    "private": (replace(ASK, upstream_headers={"x-fal-store-io": "0"}), "BYPASS", False),
    "short-lived": (
        replace(ASK, upstream_headers={"x-fal-object-lifecycle-preference": "{}"}),
        "BYPASS",
        False,
    ),
}


@pytest.mark.parametrize("case", SHARED)
def test_what_may_be_given_to_others(case: str) -> None:
    ask, word, is_shared = SHARED[case]
    job = made(ask)
    assert job.cache == word
    assert (job.claims.cache_digest is not None) is is_shared


def test_without_a_cache_nothing_is_shared() -> None:
    job = job_for(CALLER, ASK, PriceBook(1, ()), has_cache=False)
    assert (job.cache, job.claims.cache_digest) == ("BYPASS", None)


def test_a_key_means_the_same_for_a_team_and_something_else_for_each_browser_token() -> None:
    ask = replace(ASK, idempotency_key="order-1")
    callers = [
        CALLER,
        replace(CALLER, key_id=uuid4()),
        *(replace(CALLER, token_id=uuid4()) for _ in range(2)),
    ]
    digests = [made(ask, caller).claims.key_digest for caller in callers]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
    assert made().claims.key_digest is None


def test_a_token_made_for_somebody_is_used_for_them_whoever_is_named() -> None:
    ask = replace(ASK, end_user="mallory")
    assert made(ask).end_user == "mallory"
    assert made(ask, replace(CALLER, end_user="alice")).end_user == "alice"


def test_the_upstream_is_told_what_a_team_keeps_and_the_request_stays_the_same() -> None:
    asked = replace(ASK, upstream_headers={"x-fal-no-retry": "1", "x-fal-store-io": "1"})
    silent = replace(CALLER, privacy=Privacy.NONE)
    job = made(asked, silent)
    assert job.upstream_headers == {"x-fal-no-retry": "1", "x-fal-store-io": "0"}
    assert job.claims.request_digest == made(asked).claims.request_digest
    assert made(ASK).claims.cache_digest is not None
    assert made(ASK, replace(CALLER, privacy=Privacy.HASHED)).claims.cache_digest is not None
    assert made(ASK, silent).claims.cache_digest is None
