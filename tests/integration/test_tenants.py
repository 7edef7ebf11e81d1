"""What belongs to one team: to all others it is not there, on every route and for every verb."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

import pytest

from app.dialects import proxy_target
from tests.support.asking import (
    NOBODY,
    TARGETS,
    Asker,
    asker_of,
    marks_in,
    places_of,
    shown,
    targets_of,
    unknown_like,
)
from tests.support.caller import Caller
from tests.support.gateway import Gateway, make_keys
from tests.support.isolation import ROWS, Admin, ByAddress, ById, Elsewhere, Lists, Makes, Open
from tests.support.served_routes import MOUNT, Route, served_routes
from tests.support.simulator import Simulator
from tests.support.stores import Stores
from tests.support.two_teams import TwoTeams, rows_of, two_teams

# Both teams settle once.
pytestmark = pytest.mark.xdist_group("tenants")

Kind = TypeVar("Kind")

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
REFUSED = frozenset({401, 403})
TO_SIGN_IN = 303
ONLY_MODELS = ("{model:path}", "{model_id:path}")
WITH_FILE = ById("file", content='{"prompt": "a cat", "image_url": "http://gateway.test/files/<id>/cat.png"}')


def of(kind: type[Kind], *, without: type[object] = Elsewhere) -> list[tuple[Route, Kind]]:
    return [
        (route, row) for route, row in ROWS.items() if isinstance(row, kind) and not isinstance(row, without)
    ]


def names(rows: list[tuple[Route, Kind]]) -> list[str]:
    return [" ".join(route) for route, _ in rows]


BY_ID, FOR_TEAMS, LISTS, MAKES, OPEN = of(ById), of(ById, without=Admin), of(Lists), of(Makes), of(Open)
PROXIED = [(route, row) for route, row in FOR_TEAMS if targets_of(route[1])]
STEADY = [path for (_, path), row in LISTS if row.is_steady and not row.needs]


@pytest.fixture(scope="module")
def teams(
    stores: Stores, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TwoTeams]:
    with two_teams(stores, simulator, tmp_path_factory.mktemp("teams"), STEADY) as teams:
        yield teams


@pytest.fixture(scope="module")
def asking(teams: TwoTeams) -> Iterator[Asker]:
    with asker_of(teams) as asker:
        yield asker


@pytest.fixture(autouse=True)
def nothing_of_theirs_is_changed(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "teams" in request.fixturenames:
        teams: TwoTeams = request.getfixturevalue("teams")
        assert rows_of(teams.gateway.database, teams.them) == teams.rows


def strangers(teams: TwoTeams, row: ById, path: str) -> list[Mapping[str, str]]:
    """Everybody to whom it is not there: another team, nobody, and a browser token that did not make it."""
    has_token = row.kind == "job" and path.startswith(("/api/", "/fal-ai/"))
    return [*teams.stranger.credentials.values(), NOBODY, *([teams.them.sibling] if has_token else [])]


def test_every_route_has_its_row() -> None:
    assert served_routes() == ROWS.keys()
    for (_, path), row in ROWS.items():
        parameters = [part for part in path.split("/") if part.startswith("{") and part not in ONLY_MODELS]
        if isinstance(row, Open | Makes | Lists):
            assert not parameters, f"{path} names something: it takes a row of `ById`"
        if isinstance(row, Elsewhere):
            assert not isinstance(ROWS[row.row], Elsewhere)


def test_every_host_behind_the_proxy_is_asked() -> None:
    places = proxy_target._PLACES  # noqa: SLF001 # what the table of this test has to be as long as
    assert {f"https://{host}" for host in places} == {one for hosts in TARGETS.values() for one in hosts}
    assert {place.reachable for place in places.values()} == TARGETS.keys()


@pytest.mark.parametrize(("route", "row"), BY_ID, ids=names(BY_ID))
def test_what_is_somebody_elses_is_as_if_it_were_not_there(
    teams: TwoTeams, asking: Asker, route: Route, row: ById
) -> None:
    is_admins = isinstance(row, Admin)
    theirs = teams.them.named[row.kind]
    asked = [theirs[0], teams.stranger.named[row.kind][0]] if is_admins else theirs
    for place in places_of(route, row):
        for credential in strangers(teams, row, route[1]):
            question = asking.ask(route[0], place, row, credential)
            nobodys = question.about_nothing()
            assert nobodys[0] >= TO_SIGN_IN
            assert not is_admins or nobodys[0] in REFUSED | {TO_SIGN_IN}
            for found in asked:
                assert question.about(found) == nobodys


@pytest.mark.parametrize(("route", "row"), FOR_TEAMS, ids=names(FOR_TEAMS))
def test_what_is_ones_own_is_there(teams: TwoTeams, asking: Asker, route: Route, row: ById) -> None:
    """Or the test above would be content with a route that nobody can use."""
    questions = [
        asking.ask(route[0], place, row, credential)
        for place in places_of(route, row)
        for credential in teams.stranger.credentials.values()
    ]
    assert any(
        question.about(found) != question.about_nothing()
        for question in questions
        for found in reversed(teams.stranger.named[row.kind])
    )


@pytest.mark.parametrize(("route", "row"), PROXIED, ids=names(PROXIED))
def test_the_proxy_tells_nothing_more(teams: TwoTeams, asking: Asker, route: Route, row: ById) -> None:
    for target in [target for place in places_of(route, row) for target in targets_of(place)]:
        for credential in strangers(teams, row, route[1]):
            question = asking.ask(route[0], target, row, credential)
            nobodys = question.about_nothing()
            assert nobodys[0] >= 400
            for found in teams.them.named[row.kind][:2]:
                assert question.about(found) == nobodys


def test_no_other_verb_tells_more(teams: TwoTeams, asking: Asker) -> None:
    served, seen = served_routes(), set()
    for route, row in {route[1]: (route, row) for route, row in BY_ID}.values():
        places = [place for own in places_of(route, row)[:1] for place in (own, *targets_of(own))]
        for verb in [verb for verb in VERBS if (verb, route[1]) not in served]:
            credential = teams.stranger.credentials["session" if "console" in route[1] else "key"]
            for place in places:
                question = asking.ask(verb, place, row, credential)
                nobodys = question.about_nothing()
                assert question.about(teams.them.named[row.kind][0]) == nobodys, (verb, place)
                seen.add(nobodys[0])
    assert seen <= {404, 405, 415}


@pytest.mark.parametrize(("route", "row"), LISTS, ids=names(LISTS))
def test_lists_hold_ones_own_alone(teams: TwoTeams, asking: Asker, route: Route, row: Lists) -> None:
    kinds = ("session",) if route[1].startswith("/console") else ("key", "token")
    for credential in [teams.stranger.credentials[kind] for kind in kinds]:
        assert not marks_in(asking.request(route, credential, **row.needs), teams.them)
        for name in row.asked_by:
            for value in teams.them.values[name]:
                theirs, nobodys = (
                    shown(asking.request(route, credential, **{**row.needs, name: one}), one)
                    for one in (value, unknown_like(value))
                )
                assert theirs == nobodys, (name, value)


@pytest.mark.parametrize(("route", "row"), LISTS, ids=names(LISTS))
def test_lists_of_a_browser_token_hold_its_own_alone(
    teams: TwoTeams, asking: Asker, route: Route, row: Lists
) -> None:
    answer = asking.request(route, teams.them.sibling, **row.needs)
    assert not [job_id for job_id in teams.them.named["job"] if job_id in answer.text]


def test_what_others_do_changes_no_list_of_ones_own(teams: TwoTeams) -> None:
    assert len(STEADY) == 4
    assert teams.after == teams.before


@pytest.mark.parametrize(("route", "row"), MAKES, ids=names(MAKES))
def test_what_is_made_is_ones_own(teams: TwoTeams, asking: Asker, route: Route, row: Makes) -> None:
    """Both teams have asked for the same, with the same key of idempotency."""
    for credential in teams.stranger.credentials.values():
        headers = {**credential, **row.headers, "content-type": row.content_type}
        answer = asking.request((route[0], row.place or route[1]), headers, content=row.content)
        assert answer.status_code < 500
        assert not marks_in(answer, teams.them)


@pytest.mark.parametrize("route", [route for route, _ in OPEN], ids=names(OPEN))
def test_what_is_open_to_all_names_nobody(teams: TwoTeams, asking: Asker, route: Route) -> None:
    method = "GET" if route[0] == MOUNT else route[0]
    for credential in (NOBODY, teams.stranger.credentials["key"]):
        answer = asking.request((method, route[1]), credential)
        assert not marks_in(answer, teams.them) | marks_in(answer, teams.stranger)


@pytest.mark.parametrize("credential", ["key", "token", "session"])
def test_another_teams_upload_is_no_input_of_ones_own(
    teams: TwoTeams, asking: Asker, credential: str
) -> None:
    headers = teams.stranger.credentials[credential]
    question = asking.ask("POST", "/fal-ai/flux-1/dev/image-to-image", WITH_FILE, headers)
    nobodys = question.about_nothing()
    assert nobodys[0] == 422
    for found in teams.them.named["file"]:
        assert question.about(found) == nobodys


def test_whoever_has_the_address_of_an_upload_reads_it_and_no_more(teams: TwoTeams, asking: Asker) -> None:
    assert {path for (_, path), _ in of(ByAddress)} == {"/files/{file_id}/{name}"}
    address = f"/files/{teams.them.named['file'][0]}/cat.png"
    assert asking.request(("GET", address), NOBODY).status_code == 200
    for method in ("PUT", "POST", "DELETE", "PATCH"):
        assert asking.request((method, address), teams.stranger.credentials["key"]).status_code == 405


def test_all_keys_of_a_team_see_its_jobs(gateway: Gateway, prompt: str) -> None:
    mine, colleagues = make_keys(gateway.database, 2)
    with gateway.caller(mine) as caller, gateway.caller(colleagues) as colleague:
        job_id = caller.job(prompt)
        colleague.wait(job_id)
        assert colleague.result(job_id).json()["prompt"] == prompt


@pytest.mark.parametrize(
    "form",
    [str.upper, lambda job_id: job_id.replace("-", ""), lambda job_id: f"{{{job_id}}}", lambda i: f"{i} "],
)
def test_an_id_is_known_in_one_way_of_writing_only(caller: Caller, prompt: str, form: object) -> None:
    assert callable(form)
    job_id = caller.job(prompt)
    assert caller.status(form(job_id)).status_code == 404
