"""Use case: take a job and hand it to the upstream."""

from dataclasses import dataclass
from time import perf_counter
from uuid import UUID

from app.callers.caller import Caller
from app.callers.policy import Privacy
from app.callers.rates import RateState
from app.errors import IdempotencyMismatch, StorageUnavailable, UpstreamUnavailable
from app.jobs.admission import Earlier, Outcome, Recorded, Refusal, TakenBefore
from app.jobs.context import JobContext
from app.jobs.hand_over import HandOver, hand_over, unavailable
from app.jobs.job import FIRST_EPOCH, CacheWord, JobView, Move, NewJob
from app.jobs.keep import keep
from app.jobs.own_uploads import with_own_uploads
from app.jobs.read import as_kept, load_view
from app.jobs.record_answer import record_answer
from app.jobs.request import SubmitRequest, claiming, job_for, unshared
from app.jobs.states import JobState
from app.jobs.tell_trace import in_trace, tell_written
from app.operations.tracing.step import current_step

RETRY_AFTER_SECONDS = 30

# Each further round means that another job with the same key or seed was recorded, or ended, in between.
ROUNDS = 8
# Whoever wants a new answer, or has lost this often to others whose jobs then failed, makes one alone.
SHARED_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Submitted:
    """The job, whether it is an earlier one under the same idempotency key, and what is left of the rate."""

    view: JobView
    is_replay: bool
    rate: RateState | None


async def submit_job(context: JobContext, caller: Caller, ask: SubmitRequest) -> Submitted:
    """Records the job, hands it over and records the answer; the job exists whatever happens after the first.

    A request that was made before under the same idempotency key gives that job again, and one whose answer
    is there or under way becomes a job that is given that answer.

    Raises:
        ModelNotAllowed, RateLimited, InvalidInput, IdempotencyMismatch: nothing was recorded, nothing sent.
        PayloadTooLarge: its uploaded pictures are too large together; nothing was recorded, nothing sent.
        BudgetExceeded, TooManyInFlight: a limit would be passed; nothing was recorded and nothing was sent.
        StorageUnavailable: nothing was recorded and nothing was sent.
        UpstreamUnavailable: the job is recorded as failed; nothing was accepted upstream.
    """
    caller.require_model(ask.model.id)
    rate = await context.rates.admit(caller)
    has_cache = context.settings.answer_cache_seconds > 0
    asked = job_for(caller, ask, await context.prices.current(), has_cache=has_cache)
    job = in_trace(await with_own_uploads(context, caller, ask, asked))
    refusal: Refusal | None = None
    must_look = _is_likely_there(context, job)
    for number in range(ROUNDS):
        earlier = await _find_earlier(context, job) if must_look else None
        if earlier is not None and earlier.is_replay:
            return Submitted(await _replay(context, caller, job, earlier), is_replay=True, rate=rate)
        if earlier is not None:
            job = claiming(job, earlier, _source(context, caller, ask, earlier))
        if refusal is not None and job.source_job_id is None:
            context.metrics.refused(refusal.limit)
            raise refusal.as_error()
        match await _record(context, job):
            case Refusal() as refusal:
                # What used up the limit may have been the very same request, which is there to be found now.
                must_look = True
            case Recorded(state):
                view = await _go_on(context, job, state)
                if job.webhook_url is not None and view.is_final:
                    context.deliver_now()
                return Submitted(view, is_replay=False, rate=rate)
            case TakenBefore() if must_look and (ask.cache.max_age_seconds == 0 or number >= SHARED_ROUNDS):
                job = unshared(job)
            case TakenBefore():
                must_look = True
    raise StorageUnavailable("Too many requests ask for the same at once.", retry_after_seconds=1)


async def _record(context: JobContext, job: NewJob) -> Outcome:
    started = perf_counter()
    try:
        outcome = await context.recording.ask(job)
    except StorageUnavailable:
        # It may be there all the same.
        note = "its recording was not confirmed in time, so it was not sent"
        context.disowned.add(unavailable(_hand_over_of(job), JobState.SUBMITTING, note))
        raise
    if (step := current_step()) is not None:
        step.ended("record job", perf_counter() - started, {"fluxgate.outcome": type(outcome).__name__})
    return outcome


async def _find_earlier(context: JobContext, job: NewJob) -> Earlier | None:
    """What was asked before under the same key or for the same answer; some requests have neither."""
    if job.claims.key_digest is None and job.claims.cache_digest is None:
        return None
    return await context.finding.ask(job.claims)


def _is_likely_there(context: JobContext, job: NewJob) -> bool:
    """Whether to look for an earlier request before this one is recorded.

    The recording finds out by itself that there is one, and most requests are new: to look first would cost
    each of them a statement. A key is looked for all the same: the recording claims the answer before the
    key, and a request that is told that its key is taken should have claimed nothing.
    """
    if job.claims.key_digest is not None:
        return True
    return job.claims.cache_digest is not None and context.asked.before(job.claims.cache_digest)


async def _replay(context: JobContext, caller: Caller, job: NewJob, earlier: Earlier) -> JobView:
    if earlier.keyed_request_digest != job.claims.request_digest:
        raise IdempotencyMismatch(
            "This Idempotency-Key was used for another request within the last 24 hours; "
            "use a new key, or send the same model and input."
        )
    view = await load_view(context, str(earlier.keyed_job_id))
    if view is None:
        raise StorageUnavailable("The job of this Idempotency-Key cannot be read now.", retry_after_seconds=1)
    if (step := current_step()) is not None:
        step.note(job_id=view.id)
    return as_kept(context, caller, view)


def _source(context: JobContext, caller: Caller, ask: SubmitRequest, earlier: Earlier) -> UUID | None:
    """The job whose answer this request may be given; not one that is about to go."""
    oldest_seconds = float(context.settings.answer_cache_seconds)
    if caller.privacy is not Privacy.FULL:
        oldest_seconds = min(oldest_seconds, context.settings.result_grace_seconds / 2)
    if ask.cache.max_age_seconds is not None:
        oldest_seconds = min(oldest_seconds, ask.cache.max_age_seconds)
    return earlier.cached_job_id if earlier.answers(max_age_seconds=oldest_seconds) else None


async def _go_on(context: JobContext, job: NewJob, state: JobState) -> JobView:
    """What follows once the job is recorded: nothing if another one answers it, else the upstream."""
    if job.source_job_id is None:
        context.metrics.recorded(job.cache, is_priced=job.quote.reserved_micros is not None)
        return await _record_answer(context, job, await hand_over(context, _hand_over_of(job)))
    cache = CacheWord.HIT if state is JobState.SUCCEEDED else CacheWord.JOINED
    context.metrics.recorded(cache, is_priced=True)
    return _view(job, state, cache)


def _hand_over_of(job: NewJob) -> HandOver:
    return HandOver(
        job_id=job.id,
        epoch=FIRST_EPOCH,
        model_id=job.model_id,
        upstream_input=job.upstream_input,
        upstream_headers=job.upstream_headers,
        has_uploads=job.has_uploads,
    )


async def _record_answer(context: JobContext, job: NewJob, move: Move) -> JobView:
    view = _view(job, move.before, job.cache)
    started = perf_counter()
    written = await record_answer(context, move)
    if (step := current_step()) is not None:
        tell_written(step, move, started)
    if written is None:
        # The job is recorded and was sent: when its lease is over it becomes unknown, and visible as such.
        return view
    after = keep(context, view, written)
    if after.state is JobState.FAILED and after.answer is None:
        raise UpstreamUnavailable(after.error or "", job_id=after.id, retry_after_seconds=RETRY_AFTER_SECONDS)
    return after


def _view(job: NewJob, state: JobState, cache: str) -> JobView:
    return JobView(
        id=str(job.id),
        team_id=job.team_id,
        key_id=job.key_id,
        model_id=job.model_id,
        state=state,
        token_id=job.token_id,
        cache=cache,
        source_job_id=job.source_job_id,
    )
