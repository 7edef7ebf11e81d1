"""Pages of jobs: each once, newest first, for whom they belong to, behind cursors that nobody can make."""

import string
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.history import MODELS, ROUND, Team, fill, jobs_of, make_team, micros

Job = dict[str, Any]
JOBS = 12 * ROUND
STARTS_AT = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def team(gateway: Gateway) -> Team:
    """A team with an afternoon of jobs."""
    team = make_team(gateway.database)
    fill(gateway.database, team, JOBS, starts_at=STARTS_AT, step=timedelta(minutes=10))
    return team


@pytest.fixture(scope="module")
def jobs(gateway: Gateway, team: Team) -> list[Job]:
    """Its jobs as they are stored, newest first."""
    return jobs_of(gateway.database, team)


@pytest.fixture
def member(gateway: Gateway, team: Team) -> Iterator[Caller]:
    """Somebody of that team."""
    with gateway.caller(team.secret) as caller:
        yield caller


def page(caller: Caller, **params: object) -> dict[str, Any]:
    answer = caller.get("/api/jobs", params={name: str(value) for name, value in params.items()})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def walk(caller: Caller, **params: object) -> list[dict[str, Any]]:
    """All items of all pages."""
    items: list[dict[str, Any]] = []
    cursor: dict[str, object] = {}
    while True:
        told = page(caller, **params, **cursor)
        items += told["items"]
        assert len(ids_of(items)) == len(set(ids_of(items)))
        if told["next_cursor"] is None:
            return items
        cursor = {"cursor": told["next_cursor"]}


def ids_of(items: list[dict[str, Any]]) -> list[str]:
    return [str(item["id"]) for item in items]


@pytest.mark.parametrize("limit", [1, 7, 40, 60, 100])
def test_pages_hold_every_job_once_newest_first(member: Caller, jobs: list[Job], limit: int) -> None:
    assert ids_of(walk(member, limit=limit)) == ids_of(jobs)


def test_a_page_holds_fifty_unless_told_otherwise(member: Caller) -> None:
    assert len(page(member)["items"]) == 50


def test_a_page_that_ends_with_the_last_job_is_the_last(member: Caller) -> None:
    assert page(member, limit=100)["next_cursor"] is not None
    assert (
        page(member, limit=ROUND, **{"from": "2026-03-02", "to": "2026-03-02T03:20:00Z"})["next_cursor"]
        is None
    )


def test_new_jobs_do_not_disturb_who_is_reading(gateway: Gateway) -> None:
    team = make_team(gateway.database)
    fill(gateway.database, team, ROUND, starts_at=STARTS_AT)
    before = ids_of(jobs_of(gateway.database, team))
    with gateway.caller(team.secret) as caller:
        first = page(caller, limit=10)
        fill(gateway.database, team, ROUND, starts_at=STARTS_AT + timedelta(days=1))
        second = page(caller, limit=100, cursor=first["next_cursor"])
    assert ids_of(first["items"] + second["items"]) == before


def is_in(state: str) -> Callable[[Job], bool]:
    return lambda job: job["state"] == state


FILTERS: dict[str, tuple[dict[str, str], Callable[[Job], bool]]] = {
    "model": ({"model": MODELS[1]}, lambda job: job["model"] == MODELS[1]),
    "an end user": ({"end_user": "ann"}, lambda job: job["end_user"] == "ann"),
    "from": (
        {"from": "2026-03-02T08:05:00Z"},
        lambda job: job["created_at"] >= STARTS_AT + timedelta(minutes=485),
    ),
    "to": ({"to": "2026-03-02T08:00:00Z"}, lambda job: job["created_at"] < STARTS_AT + timedelta(hours=8)),
    "a zone": (
        {"from": "2026-03-02T10:00:00+02:00", "to": "2026-03-02T02:00:00-08:00"},
        lambda job: timedelta(hours=8) <= job["created_at"] - STARTS_AT < timedelta(hours=10),
    ),
    "several": (
        {"state": "succeeded", "model": MODELS[0], "end_user": "bob", "to": "2026-03-02T12:00:00Z"},
        lambda job: (
            job["state"] == "succeeded"
            and job["model"] == MODELS[0]
            and job["end_user"] == "bob"
            and job["created_at"] < STARTS_AT + timedelta(hours=12)
        ),
    ),
    "a failure of a user": (
        {"state": "failed", "end_user": "ann"},
        lambda job: job["state"] == "failed" and job["end_user"] == "ann",
    ),
    **{
        f"state {state}": ({"state": state}, is_in(state))
        for state in ("succeeded", "failed", "cancelled", "expired", "lost", "queued")
    },
}
NONE = {
    "a model that nobody used": {"model": "fal-ai/nothing"},
    "an end user that nobody named": {"end_user": "nobody"},
    "a key that nobody has": {"key": "no key"},
    "an id that nobody has": {"key": str(UUID(int=1))},
    "a state that no job is in": {"state": "unknown"},
    "a time without jobs": {"from": "2026-04-01"},
    "a statement": {"model": "' OR '1'='1"},
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters_leave_what_they_say(member: Caller, jobs: list[Job], name: str) -> None:
    params, is_meant = FILTERS[name]
    expected = ids_of([job for job in jobs if is_meant(job)])
    assert expected
    assert ids_of(walk(member, limit=3, **params)) == expected


@pytest.mark.parametrize("name", NONE)
def test_what_nobody_has_is_an_empty_page(member: Caller, name: str) -> None:
    assert page(member, **NONE[name]) == {"items": [], "next_cursor": None}


def test_a_key_is_found_by_id_and_by_name(member: Caller, team: Team, jobs: list[Job]) -> None:
    for key in team.keys:
        expected = ids_of([job for job in jobs if job["key_id"] == key.id])
        for name in (key.name, str(key.id)):
            assert ids_of(walk(member, limit=13, key=name)) == expected
    waiting = [job for job in jobs if job["key_id"] == team.keys[0].id and job["state"] == "queued"]
    assert ids_of(walk(member, limit=1, key="key 0", state="queued")) == ids_of(waiting)


def test_two_keys_of_one_name_are_told_together(gateway: Gateway) -> None:
    team = make_team(gateway.database, keys=3)
    statement = "UPDATE api_keys SET name = 'twin' WHERE id = ANY($1)"
    gateway.database.rows(statement, [team.keys[0].id, team.keys[2].id])
    fill(gateway.database, team, ROUND)
    expected = [job for job in jobs_of(gateway.database, team) if job["key_id"] != team.keys[1].id]
    with gateway.caller(team.secret) as caller:
        assert ids_of(walk(caller, limit=4, key="twin")) == ids_of(expected)


def test_a_job_is_told_in_full(member: Caller, team: Team, jobs: list[Job]) -> None:
    told = {item["id"]: item for item in walk(member, limit=100)}
    for job in jobs:
        item = told[str(job["id"])]
        assert (item["state"], item["model"], item["team"]) == (job["state"], job["model"], team.name)
        assert (item["end_user"], item["cache"]) == (job["end_user"], job["cache"])
        assert item["input"] == {"prompt": item["prompt"]}
        assert datetime.fromisoformat(item["created_at"]) == job["created_at"]
        assert (item["completed_at"] is None) == (job["state"] == "queued")
    assert list(item) == [
        *("id", "state", "model", "team", "key", "end_user", "prompt", "input"),
        *("created_at", "submitted_at", "started_at", "completed_at", "error", "error_type", "cache"),
        *("cost_usd", "reserved_usd", "saved_usd", "images", "seed", "purged_at"),
    ]


def test_money_is_known_or_null_and_never_a_guess(member: Caller, jobs: list[Job]) -> None:
    told = {item["id"]: item for item in walk(member, limit=100)}
    for job in jobs:
        item = told[str(job["id"])]
        cost = None if item["cost_usd"] is None else micros(item["cost_usd"])
        assert cost == job["cost_micros"]
        is_holding = job["state"] == "queued" and job["source_job_id"] is None
        assert micros(item["reserved_usd"]) == (job["reserved_micros"] if is_holding else 0)
        if job["source_job_id"] is None:
            assert item["saved_usd"] == "0.000000"
        else:
            saved = None if item["saved_usd"] is None else micros(item["saved_usd"])
            assert saved == job["saved_micros"]


def test_an_open_job_without_a_price_holds_nobody_knows_what(gateway: Gateway) -> None:
    team = make_team(gateway.database)
    fill(gateway.database, team, ROUND)
    gateway.database.rows(
        "UPDATE jobs SET reserved_micros = NULL, price_micros = NULL WHERE team_id = $1 AND state = 'queued'",
        team.id,
    )
    with gateway.caller(team.secret) as caller:
        own, joined = sorted(walk(caller, state="queued"), key=lambda item: item["cache"] == "JOINED")
    assert (own["reserved_usd"], own["cost_usd"]) == (None, None)
    assert (joined["reserved_usd"], joined["cost_usd"], joined["saved_usd"]) == ("0.000000", None, None)


def test_a_job_that_another_one_answered_shows_its_pictures(member: Caller, jobs: list[Job]) -> None:
    told = {item["id"]: item for item in walk(member, limit=100)}
    answered = [job for job in jobs if job["cache"] == "HIT"]
    assert answered
    for job in answered:
        mine, theirs = told[str(job["id"])], told[str(job["source_job_id"])]
        assert mine["images"] == theirs["images"]
        assert mine["images"][0]["width"] == 1024
        assert mine["seed"] == theirs["seed"]


def test_what_is_very_large_is_left_to_the_one_job(gateway: Gateway) -> None:
    team = make_team(gateway.database)
    fill(gateway.database, team, ROUND)
    job_id = next(job["id"] for job in jobs_of(gateway.database, team) if job["state"] == "succeeded")
    large = '{"images": [{"url": "data:image/png;base64,' + "A" * 200_000 + '"}]}'
    gateway.database.rows("UPDATE job_inputs SET input = $2 WHERE job_id = $1", job_id, large)
    gateway.database.rows("UPDATE job_results SET body = $2 WHERE job_id = $1", job_id, large.encode())
    with gateway.caller(team.secret) as caller:
        [item] = [item for item in walk(caller) if item["id"] == str(job_id)]
        one = caller.get(f"/api/jobs/{job_id}").json()
    assert (item["input"], item["images"]) == (None, None)
    assert len(one["input"]["images"][0]["url"]) == len(one["images"][0]["url"]) > 200_000


def refused(caller: Caller, cursor: str, **params: str) -> bool:
    answer = caller.get("/api/jobs", params={**params, "cursor": cursor})
    if answer.status_code == 200:
        return False
    assert (answer.status_code, answer.json()["error_type"]) == (400, "invalid_cursor"), answer.text
    return True


def test_a_cursor_altered_in_any_character_is_none(member: Caller) -> None:
    cursor = page(member, limit=5)["next_cursor"]
    assert not refused(member, cursor)
    spellings = [
        cursor[:place] + other + cursor[place + 1 :] for place in range(len(cursor)) for other in "AB_9"
    ]
    # Decoders of base64 take four last letters for the same bytes.
    spellings += [cursor[:-1] + other for other in string.ascii_letters + string.digits + "-_"]
    for spelling in sorted({*spellings} - {cursor}):
        assert refused(member, spelling)


@pytest.mark.parametrize("form", ["", " ", "x", "=", "{}=", " {}", "{}%00", "{}{}", "null", "💥", "é" * 43])
def test_junk_is_no_cursor(member: Caller, form: str) -> None:
    cursor = page(member, limit=5)["next_cursor"]
    answer = member.get("/api/jobs", params={"cursor": form.format(cursor, cursor)})
    assert answer.status_code == (422 if form == "" else 400)


@pytest.mark.parametrize("junk", ["A" * 43, "A" * 10_000, "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA"])
def test_a_cursor_of_somebody_elses_making_is_none(member: Caller, junk: str) -> None:
    assert refused(member, junk)


@pytest.mark.parametrize("name", FILTERS)
def test_a_cursor_is_for_its_own_filters(member: Caller, name: str) -> None:
    params, _ = FILTERS[name]
    plain = page(member, limit=1)["next_cursor"]
    filtered = page(member, limit=1, **params)["next_cursor"]
    assert not refused(member, filtered, **params)
    assert refused(member, plain, **params)
    assert refused(member, filtered)
    assert refused(member, filtered, **params, key="key 0")


def test_a_cursor_goes_with_another_limit(member: Caller, jobs: list[Job]) -> None:
    cursor = page(member, limit=5)["next_cursor"]
    assert ids_of(page(member, limit=9, cursor=cursor)["items"]) == ids_of(jobs)[5:14]


def test_a_cursor_is_for_its_own_team(gateway: Gateway, member: Caller, team: Team) -> None:
    cursor = page(member, limit=5)["next_cursor"]
    with gateway.caller(make_team(gateway.database).secret) as stranger:
        assert refused(stranger, cursor)
    with gateway.caller(team.keys[1].secret) as colleague:
        assert not refused(colleague, cursor)


def test_no_team_sees_a_job_of_another(gateway: Gateway, member: Caller, team: Team) -> None:
    stranger = make_team(gateway.database)
    fill(gateway.database, stranger, ROUND)
    with gateway.caller(stranger.secret) as other:
        told = walk(other, limit=7)
        assert ids_of(told) == ids_of(jobs_of(gateway.database, stranger))
        assert {item["team"] for item in told} == {stranger.name}
        for key in (str(team.keys[0].id), str(team.id)):
            assert page(other, key=key)["items"] == []
    assert len(walk(member, key="key 0")) == JOBS // 2


def token_of(caller: Caller) -> Caller:
    token = caller.post("/api/tokens", json={"ttl_seconds": 600}).json()["token"]
    return Caller(str(caller.base_url), token)


def test_a_browser_token_sees_what_came_with_it(gateway: Gateway, prompt: str) -> None:
    team = make_team(gateway.database)
    fill(gateway.database, team, ROUND, starts_at=datetime.now(UTC) - timedelta(minutes=30))
    with gateway.caller(team.secret) as caller, token_of(caller) as mine, token_of(caller) as another:
        own = [mine.job(f"{prompt} {number}") for number in range(3)]
        theirs = another.job(prompt)
        assert ids_of(walk(mine, limit=2)) == sorted(own, reverse=True)
        assert ids_of(walk(mine, key="key 0")) == sorted(own, reverse=True)
        assert walk(mine, key="key 1") == []
        cursor = page(mine, limit=1)["next_cursor"]
        assert refused(another, cursor)
        assert refused(caller, cursor)
        assert mine.get(f"/api/jobs/{own[0]}").json()["id"] == own[0]
        for hidden in (theirs, str(jobs_of(gateway.database, team)[-1]["id"])):
            answer = mine.get(f"/api/jobs/{hidden}")
            assert answer.status_code == 404
            assert answer.content == mine.get(f"/api/jobs/{uuid4()}").content
        assert {theirs, *own} < set(ids_of(walk(caller, limit=100)))


WRONG = {
    "limit 0": "limit=0",
    "limit -1": "limit=-1",
    "limit 101": "limit=101",
    "limit 10^9": "limit=1000000000",
    "limit ten": "limit=ten",
    "limit 1.5": "limit=1.5",
    "limit 1e1": "limit=1e1",
    "a statement": "limit=10;drop",
    "a limit in other digits": "limit=%D9%A1%D9%A0",
    "an empty limit": "limit=",
    "a signed limit": "limit=%2B5",
    "5,000 digits": "limit=" + "9" * 5000,
    "unknown state": "state=done",
    "a state in fal's words": "state=IN_QUEUE",
    "two states": "state=failed&state=lost",
    "an attribute": "__class__=x",
    "a path": "input.prompt=x",
    "a sort": "sort=created_at",
    "another team": "team=x",
    "an array": "state[]=failed",
    "a NUL in a model": "model=%00",
    "a NUL in a key": "key=a%00b",
    "a NUL in an end user": "end_user=%00",
    "a NUL in a cursor": "cursor=%00",
    "an empty model": "model=",
    "no zone": "from=2026-03-01T00:00:00",
    "end before beginning": "from=2026-03-02&to=2026-03-01",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_question_that_is_none_is_refused(member: Caller, name: str) -> None:
    answer = member.get(f"/api/jobs?{WRONG[name]}")
    assert answer.status_code == 422, answer.text
    [problem] = answer.json()["errors"]
    assert problem["loc"][0] == "query"
    assert len(answer.content) < 2_000


def test_a_thousand_unknown_parameters_get_a_short_answer(member: Caller) -> None:
    answer = member.get("/api/jobs?" + "&".join(f"p{number}=1" for number in range(1000)))
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 20


def test_nobody_lists_jobs_without_a_credential(gateway: Gateway) -> None:
    assert gateway.get("/api/jobs").status_code == 401
