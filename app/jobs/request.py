"""What a caller asks for, and the job that it makes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from app.billing.prices import PriceBook
from app.callers.caller import Caller
from app.callers.policy import Privacy
from app.catalogue.model import Model
from app.catalogue.normalise import normalise
from app.jobs.admission import Earlier
from app.jobs.job import CacheWord, Claims, NewJob

# What these ask for concerns the one who asks alone: their answers are not for others.
PRIVATE_HEADERS = frozenset({"x-fal-object-lifecycle-preference", "x-fal-store-io"})

# fal.ai/docs/documentation/model-apis/common-parameters.
STORE_NOTHING: Final[Mapping[str, str]] = MappingProxyType({"x-fal-store-io": "0"})


@dataclass(frozen=True, slots=True)
class CacheWish:
    """What a request says about answers that are there already.

    Attributes:
        max_age_seconds: how old such an answer may be; 0 wants a new one, None says nothing.
        may_keep: whether the answer may be given to others of the team.
    """

    max_age_seconds: float | None = None
    may_keep: bool = True


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """What a caller asks for: a model, its input as parsed JSON, and what goes with it.

    Attributes:
        upstream_headers: submit headers that are meant for the upstream.
        idempotency_key: the caller's word for this request, by which a repeat is recognised.
        end_user: for whom the caller asks, as the caller calls them.
        webhook_url: whom to tell when the job ends; it was found to be fit for that.
    """

    model: Model
    given: dict[str, Any]
    upstream_headers: dict[str, str]
    idempotency_key: str | None = None
    end_user: str | None = None
    cache: CacheWish = CacheWish()
    webhook_url: str | None = None


def job_for(caller: Caller, ask: SubmitRequest, prices: PriceBook, *, has_cache: bool) -> NewJob:
    """The job that a request makes; nothing of it is recorded yet.

    Without a cache no answer is given twice, whoever asks.

    Raises:
        InvalidInput: the model does not take this input.
    """
    upstream_input = normalise(ask.model, ask.given)
    digest = _request_digest(ask, upstream_input)
    is_shared = has_cache and caller.privacy is not Privacy.NONE and _is_shared(ask, upstream_input)
    prompt = upstream_input.get("prompt")
    return NewJob(
        # Ids rise with time: new rows meet in the last pages of an index, and a month is a range of ids.
        id=uuid7(),
        team_id=caller.team_id,
        key_id=caller.key_id,
        token_id=caller.token_id,
        model_id=ask.model.id,
        prompt=prompt if isinstance(prompt, str) else None,
        upstream_input=orjson.dumps(upstream_input),
        upstream_headers=_upstream_headers(caller, ask),
        end_user=caller.end_user or ask.end_user,
        cache=CacheWord.MISS if is_shared and ask.cache.max_age_seconds != 0 else CacheWord.BYPASS,
        quote=prices.quote(ask.model, upstream_input),
        claims=Claims(
            team_id=caller.team_id,
            key_digest=_key_digest(caller, ask.idempotency_key),
            request_digest=_with_webhook(digest, ask.webhook_url),
            cache_digest=digest if is_shared else None,
        ),
        webhook_url=ask.webhook_url,
    )


def with_contents(
    job: NewJob, ask: SubmitRequest, input_without: dict[str, Any], contents: Sequence[object]
) -> NewJob:
    """The job with digests of what its files hold in place of where they are.

    A client that repeats a request uploads its pictures again, and they are at other addresses then.
    """
    digest = _request_digest(ask, input_without, contents)
    claims = replace(
        job.claims,
        request_digest=_with_webhook(digest, ask.webhook_url),
        cache_digest=None if job.claims.cache_digest is None else digest,
    )
    return replace(job, claims=claims)


def claiming(job: NewJob, earlier: Earlier, source_job_id: UUID | None) -> NewJob:
    """The job with what it replaces, or with the job whose answer it is given."""
    claims = replace(job.claims, replaces_keyed=earlier.keyed_job_id, replaces_cached=earlier.cached_job_id)
    return replace(job, claims=claims, source_job_id=source_job_id)


def unshared(job: NewJob) -> NewJob:
    """The job without a claim on the answers of others and without one that others may have."""
    claims = replace(job.claims, cache_digest=None, replaces_cached=None)
    return replace(job, claims=claims, source_job_id=None)


def _upstream_headers(caller: Caller, ask: SubmitRequest) -> dict[str, str]:
    """What the upstream is told, which is to store nothing for a team that keeps nothing.

    A repeat under the same key is recognised by what the caller said, whatever the team's policy is by then.
    """
    if caller.privacy is Privacy.NONE:
        return {**ask.upstream_headers, **STORE_NOTHING}
    return ask.upstream_headers


def _is_shared(ask: SubmitRequest, upstream_input: dict[str, Any]) -> bool:
    """Whether the answer may be given for the same request again: with a seed, or because it is wanted."""
    if not ask.cache.may_keep or not PRIVATE_HEADERS.isdisjoint(ask.upstream_headers):
        return False
    return upstream_input.get("seed") is not None or bool(ask.cache.max_age_seconds)


def _request_digest(
    ask: SubmitRequest, upstream_input: dict[str, Any], contents: Sequence[object] = ()
) -> bytes:
    asked = [ask.model.id, upstream_input, ask.upstream_headers, *contents]
    return sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()


def _with_webhook(digest: bytes, webhook_url: str | None) -> bytes:
    """A repeat under the same key names the same address; who shares an answer may name others."""
    return digest if webhook_url is None else sha256(digest + webhook_url.encode()).digest()


def _key_digest(caller: Caller, idempotency_key: str | None) -> bytes | None:
    """A browser token's keys are its own: its holder may not find the team's jobs by guessing theirs."""
    if idempotency_key is None:
        return None
    holder = b"" if caller.token_id is None else caller.token_id.bytes
    return sha256(holder + b"\0" + idempotency_key.encode()).digest()
