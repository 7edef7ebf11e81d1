"""When a job is looked at next. Pure: times, the plan for the model and the jitter are passed in.

A job of a model whose runs were seen is looked at as planned for them, which is once, just after its expected
end, where all take the same time. Behind the last look of the plan, and where no run was seen, looks come in
steps that are a share of the job's age: an end is found so much later, and callers who wait may have the
next look nearer. A job that is early in a long queue is looked at rarely. Where more looks are due than
can be made, those that are least likely to find an end are put off by about as long as they came late: so
the others come in time, whatever the number of jobs in flight.
"""

from dataclasses import dataclass

from app.jobs.plan import Plan

SOONEST_SECONDS = 0.25
LATEST_SECONDS = 60.0
LONGEST_RETRY_SECONDS = 60.0
FIRST_UNKNOWN_SECONDS = 0.4
LONGEST_CROWD_SECONDS = 60.0

LATE_STEP_SHARE = 0.1
# Of a model that no run was seen of yet there may be thousands of jobs at once; steps that grow this fast
# come to 20 looks in half a minute.
UNKNOWN_STEP_SHARE = 0.25
QUEUE_STEP_SHARE = 0.25
SLOW_FACTOR = 5.0
SOONEST_SLOW_SECONDS = 10.0
LATEST_SLOW_SECONDS = 300.0
JITTER_SHARE = 0.05
LONGEST_JITTER_SECONDS = 0.5
RETRY_AFTER_JITTER_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Look:
    """When to look next, and from when on a caller who looks may bring that nearer; seconds from now."""

    in_seconds: float
    pull_in_seconds: float


def first_look(plan: Plan | None, jitter: float) -> Look:
    """After the upstream accepted a job. `jitter` is uniform in [0, 1)."""
    if plan is None:
        return _spread(FIRST_UNKNOWN_SECONDS, 0.0, jitter)
    return _spread(min(plan.looks[0], LATEST_SECONDS), plan.typical_seconds, jitter)


def next_look(
    *,
    submitted_seconds: float,
    queue_position: int | None,
    plan: Plan | None,
    jitter: float,
    crowd_seconds: float = 0.0,
) -> Look:
    """After a look that found the job pending.

    Args:
        submitted_seconds: since the upstream accepted the job.
        queue_position: jobs before it in the upstream's queue, where the upstream tells; None when it runs.
        plan: what is known of the model's run times; None before any run was seen.
        jitter: uniform in [0, 1).
        crowd_seconds: how long this look was due while others were made.
    """
    # From nothing to twice as long, so that those who came late together do not come together again.
    put_off = 2.0 * jitter * min(crowd_seconds, LONGEST_CROWD_SECONDS)
    if plan is None:
        wait = min(UNKNOWN_STEP_SHARE * submitted_seconds, LATEST_SECONDS)
        # A crowd after a stop was late for as long as that took, and is gone sooner.
        return _spread(wait + min(put_off, 2.0 * jitter * wait), 0.0, jitter)
    if queue_position:
        wait = QUEUE_STEP_SHARE * queue_position * plan.typical_seconds
        return _spread(min(wait, LATEST_SECONDS) + put_off, wait, jitter)
    planned = plan.wait_seconds(submitted_seconds)
    if planned is None:
        return _spread(min(LATE_STEP_SHARE * submitted_seconds, LATEST_SECONDS), 0.0, jitter)
    pull_in = max(plan.typical_seconds - submitted_seconds, 0.0)
    return _spread(min(planned, LATEST_SECONDS + put_off), pull_in, jitter)


def slowed(look: Look) -> Look:
    """The same look while the upstream tells of every end by itself: a safety net, so rarely.

    From the time on at which the look would have come without that, a caller who waits may bring it nearer: a
    webhook that is lost costs nobody more than the step to the next look. Not earlier, as late jobs otherwise
    allow: callers who ask all the time would make up for every look that is saved.
    """
    wait = min(max(look.in_seconds * SLOW_FACTOR, SOONEST_SLOW_SECONDS), LATEST_SLOW_SECONDS)
    return Look(wait, look.in_seconds)


def after_failure(failed_looks: int, retry_after_seconds: float | None, jitter: float) -> Look:
    """After a look that told nothing, `failed_looks` in a row: twice as long each time, up to a minute.

    What the upstream asks for with `Retry-After` is obeyed; its reader has clamped it already. That is spread
    a little, so that jobs which were put off together do not come back together; our own pauses are spread
    widely.
    """
    backoff = min(0.5 * 2.0 ** min(failed_looks, 10), LONGEST_RETRY_SECONDS)
    asked = retry_after_seconds or 0.0
    wait = max(backoff * (1.0 + jitter), asked * (1.0 + RETRY_AFTER_JITTER_SHARE * jitter))
    return Look(wait, max(backoff, asked))


def estimated_run_seconds(
    *,
    submitted_seconds: float,
    looked_seconds: float | None,
    inference_seconds: float | None,
    typical_seconds: float | None = None,
) -> float:
    """How long a job that is now seen complete took, from acceptance to completion.

    It ended between the look before and this one. What the upstream measured settles where; without that
    the first look can only say "at most". That is taken a little shorter to find out whether it can be, and
    for a job like the others where it may have been.
    """
    before = 0.0 if looked_seconds is None else max(submitted_seconds - looked_seconds, 0.0)
    if inference_seconds is not None:
        return max(before, min(inference_seconds, submitted_seconds))
    if before == 0.0:
        shorter = 0.9 * submitted_seconds
        return shorter if typical_seconds is None else min(shorter, typical_seconds)
    return (before + submitted_seconds) / 2


def _spread(wait_seconds: float, pull_in_seconds: float, jitter: float) -> Look:
    """Jitter only ever adds: a look before the expected end would be one too many."""
    wait = max(wait_seconds, SOONEST_SECONDS)
    return Look(wait + min(wait * JITTER_SHARE, LONGEST_JITTER_SECONDS) * jitter, pull_in_seconds)
