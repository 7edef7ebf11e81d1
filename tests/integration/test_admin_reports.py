"""The operator's reports: over all teams, or one that is named, and for the admin key alone."""

import csv
import io

import pytest

from tests.conftest import StartGateway
from tests.support.gateway import Gateway
from tests.support.history import ROUND, by_columns, fill, jobs_of, make_team, sums_over

ADMIN = "a-word-of-the-operator"
MARCH = {"from": "2026-03-01", "to": "2026-04-01"}
ROUTES = ("/api/admin/usage", "/api/admin/usage.csv", "/api/admin/jobs")


def test_all_teams_are_told_of_or_the_one_that_is_named(start_gateway: StartGateway) -> None:
    gateway = start_gateway(admin_key=ADMIN)
    teams = [make_team(gateway.database) for _ in range(3)]
    for number, team in enumerate(teams, 1):
        fill(gateway.database, team, number * ROUND)
    jobs = [job for team in teams for job in jobs_of(gateway.database, team)]
    operator = gateway.caller(ADMIN)

    told = operator.get("/api/admin/usage", params={**MARCH, "group_by": "team,model"}).json()
    place = lambda job: (str(job["team_id"]), job["model"])  # noqa: E731 # shortest here
    assert by_columns(told["items"], "team_id", "model") == sums_over(jobs, place)
    assert told["totals"]["jobs"] == 6 * ROUND
    text = operator.get("/api/admin/usage.csv", params={**MARCH, "group_by": "team"}).text
    assert {line["team"] for line in csv.DictReader(io.StringIO(text))} == {team.name for team in teams}
    for name in (teams[1].name, str(teams[1].id)):
        told = operator.get("/api/admin/usage", params={**MARCH, "group_by": "team", "team": name}).json()
        assert [(item["team"], item["jobs"]) for item in told["items"]] == [(teams[1].name, 2 * ROUND)]

    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = operator.get("/api/admin/jobs", params={"limit": 50, **cursor}).json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == sorted((str(job["id"]) for job in jobs), reverse=True)

    for params, condition in (
        ({"team": teams[2].name}, lambda job: job["team_id"] == teams[2].id),
        ({"state": "failed"}, lambda job: job["state"] == "failed"),
        ({"state": "queued"}, lambda job: job["state"] == "queued"),
        ({"end_user": "ann"}, lambda job: job["end_user"] == "ann"),
        ({"key": "key 1"}, lambda job: job["key_id"] in {team.keys[1].id for team in teams}),
        ({"key": str(teams[0].keys[0].id)}, lambda job: job["key_id"] == teams[0].keys[0].id),
        (
            {"key": "key 0", "state": "queued", "team": teams[1].name},
            lambda job: job["key_id"] == teams[1].keys[0].id and job["state"] == "queued",
        ),
    ):
        items = operator.get("/api/admin/jobs", params={"limit": 100, **params}).json()["items"]
        expected = sorted((str(job["id"]) for job in jobs if condition(job)), reverse=True)
        assert [item["id"] for item in items] == expected, params
        assert expected

    for route in ROUTES:
        answer = operator.get(route, params={"team": "nobody"})
        assert (answer.status_code, answer.json()["errors"][0]["type"]) == (422, "unknown_team")

    # A cursor of all teams is none of one team, and the other way round.
    all_teams = operator.get("/api/admin/jobs", params={"limit": 1}).json()["next_cursor"]
    one_team = operator.get("/api/admin/jobs", params={"limit": 1, "team": teams[0].name}).json()[
        "next_cursor"
    ]
    member = gateway.caller(teams[0].secret)
    assert operator.get("/api/admin/jobs", params={"cursor": one_team}).status_code == 400
    assert member.get("/api/jobs", params={"cursor": all_teams}).status_code == 400


@pytest.mark.parametrize("route", ROUTES)
def test_nobody_else_is_let_in(gateway: Gateway, route: str) -> None:
    team = make_team(gateway.database)
    with gateway.caller(team.secret) as member:
        assert member.get(route).status_code == 403
        token = member.post("/api/tokens", json={"ttl_seconds": 60}).json()["token"]
    assert gateway.get(route, headers={"authorization": f"Bearer {token}"}).status_code == 403
    assert gateway.get(route).status_code == 401
