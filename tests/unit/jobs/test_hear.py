import pytest

from app.errors import BadRequest
from app.jobs.hear import Outcome, outcome_of, told_id_of
from app.jobs.repository import Heard
from app.jobs.states import TERMINAL, JobState


def heard(
    state: JobState, upstream_id: str | None = "there", *, is_news: bool = True, is_mismatch: bool = False
) -> Heard:
    return Heard(state, upstream_id, is_mismatch=is_mismatch, is_news=is_news, is_due=False)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (heard(JobState.QUEUED), Outcome.HEARD),
        (heard(JobState.UNKNOWN, None), Outcome.HEARD),
        (heard(JobState.SUCCEEDED), Outcome.HEARD),
        (heard(JobState.CANCELLED), Outcome.HEARD),
        (heard(JobState.LOST, None), Outcome.LATE),
        (heard(JobState.EXPIRED), Outcome.LATE),
        (heard(JobState.FAILED, None), Outcome.LATE),
        (heard(JobState.CANCELLED, None), Outcome.LATE),
        (heard(JobState.QUEUED, is_news=False), Outcome.REPEATED),
        (heard(JobState.LOST, None, is_news=False), Outcome.REPEATED),
        (heard(JobState.QUEUED, is_news=False, is_mismatch=True), Outcome.MISMATCH),
    ],
)
def test_a_word_about_the_end_of_a_job_comes_to(word: Heard, expected: Outcome) -> None:
    assert outcome_of(word) is expected


def test_a_job_that_is_open_is_never_late() -> None:
    for state in set(JobState) - TERMINAL:
        assert outcome_of(heard(state, None)) is Outcome.HEARD


def test_the_request_is_named_in_the_body() -> None:
    assert told_id_of(b'{"request_id":"a-1","gateway_request_id":"a-2"}') == "a-1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b"{}",
        b'{"request_id":null}',
        b'{"request_id":5}',
        b'{"request_id":""}',
        b'{"request_id":"../secret"}',
        b'{"request_id":"a b"}',
        b'{"request_id":"' + b"a" * 200 + b'"}',
    ],
)
def test_a_body_that_names_none_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        told_id_of(body)
