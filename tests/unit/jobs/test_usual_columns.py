"""What a batch asks of each team, key and token."""

from uuid import UUID, uuid4

from app.billing.prices import Quote
from app.jobs.job import Claims, NewJob
from app.jobs.usual_columns import wants_columns

TEAM, KEY, SECOND_KEY, TOKEN = (UUID(int=number) for number in range(1, 5))


def job(key_id: UUID, micros: int | None, images: int, token_id: UUID | None = None) -> NewJob:
    return NewJob(
        id=uuid4(),
        team_id=TEAM,
        key_id=key_id,
        token_id=token_id,
        model_id="fal-ai/flux-1/dev",
        prompt=None,
        upstream_input=b"{}",
        upstream_headers={},
        end_user=None,
        cache="BYPASS",
        quote=Quote(None, None, None, micros, images),
        claims=Claims(TEAM, None, b"", None),
    )


def test_what_a_batch_wants_is_added_up_for_each_team_key_and_token() -> None:
    jobs = [job(KEY, 10, 1), job(SECOND_KEY, None, 4, TOKEN), job(KEY, 5, 2)]
    rows = sorted(zip(*wants_columns(jobs), strict=True))
    assert rows == [
        (TEAM, 15, 7, 3, True),
        (KEY, 15, 3, 2, False),
        (SECOND_KEY, 0, 4, 1, True),
        (TOKEN, 0, 4, 1, True),
    ]
