from uuid import uuid4

import pytest

from app.jobs.job import JobView
from app.jobs.load import decode, encode
from app.jobs.states import JobState
from app.upstream.answers import ModelAnswer


@pytest.mark.parametrize("logs", [None, b'[{"message":"one\\ntwo"}]'])
@pytest.mark.parametrize("metrics", [None, b'{"inference_time":1.4}'])
@pytest.mark.parametrize("body", [None, b"", b'{"a":"\n"}', bytes(range(256))])
def test_what_redis_keeps_is_the_job_to_the_byte(
    logs: bytes | None, metrics: bytes | None, body: bytes | None
) -> None:
    view = JobView(
        id=str(uuid4()),
        team_id=uuid4(),
        key_id=uuid4(),
        model_id="fal-ai/flux-1/dev",
        state=JobState.SUCCEEDED,
        logs=logs,
        metrics=metrics,
        error="é\n",
        error_type="x",
        answer=None if body is None else ModelAnswer(200, {"content-type": "application/json"}, body),
    )
    assert decode(encode(view)) == view
