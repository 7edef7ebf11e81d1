"""What follows from the upstream's word on a job's end, or from its absence. Pure."""

from app.jobs.job import ClaimedJob, Move
from app.jobs.schedule import SOONEST_SLOW_SECONDS
from app.jobs.states import JobState

FOUND_ENDED = frozenset({JobState.FETCHING, JobState.SUCCEEDED, JobState.FAILED})


def was_missed(job: ClaimedJob, move: Move) -> bool:
    """Whether this job had ended so long ago that the upstream should have told us of it by now.

    Only a look that was put off for the sake of the webhook can say so: others race with it.
    """
    waited_seconds = job.submitted_seconds if job.looked_seconds is None else job.looked_seconds
    is_slow = job.expects_webhook and waited_seconds >= SOONEST_SLOW_SECONDS
    return is_slow and job.told_id is None and move.after in FOUND_ENDED and move.after is not move.before


def told_run_seconds(job: ClaimedJob) -> float | None:
    """How long a job took of whose end the upstream told; None where we heard of its end before its start."""
    return job.told_seconds if job.told_seconds is not None and job.told_seconds > 0.0 else None
