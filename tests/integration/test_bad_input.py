"""Bad input gets a clear error and leaves nothing behind: no job, no upstream call, no fault of ours."""

from collections.abc import Iterator

import pytest

from tests.support.bad_requests import ANY, BAD_REQUESTS, DEV, LIST, SIMPLE_JSON, BadRequest, post
from tests.support.caller import Caller
from tests.support.database import fresh_database
from tests.support.gateway import Gateway, serve
from tests.support.simulator import Simulator, simulate
from tests.support.stores import Stores, settings_for
from tests.support.wire import RawAnswer, connect, exchange

pytestmark = pytest.mark.xdist_group("bad input")


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulate(tmp_path_factory.mktemp("upstream")) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def quiet(stores: Stores, upstream: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with no other jobs, so that everything it does is this module's doing."""
    with fresh_database(stores.database_url) as database:
        settings = settings_for(stores, database, upstream.address)
        with serve(tmp_path_factory.mktemp("quiet"), database, settings=settings) as gateway:
            yield gateway


@pytest.fixture(scope="module")
def key(quiet: Gateway) -> str:
    return quiet.caller().key


@pytest.mark.parametrize("bad", BAD_REQUESTS, ids=[bad.name for bad in BAD_REQUESTS])
def test_bad_input_is_refused_and_leaves_nothing_behind(
    quiet: Gateway, upstream: Simulator, key: str, bad: BadRequest
) -> None:
    before = quiet.database.count_jobs(), upstream.calls()
    answer = exchange(quiet.address, bad.request.replace(b"{key}", key.encode()))
    expected = (bad.status,) if isinstance(bad.status, int) else bad.status
    assert answer.status in expected, answer
    assert len(answer.body) < 4096 + 20 * 400
    if bad.error_type == LIST:
        check_problems(answer, bad.problem)
    elif bad.error_type != ANY:
        assert answer.json["error_type"] == bad.error_type == answer.headers["x-fal-error-type"]
        assert answer.json["detail"]
    assert (quiet.database.count_jobs(), upstream.calls()) == before


def check_problems(answer: RawAnswer, kind: str) -> None:
    for problem in answer.json["detail"]:
        assert problem["loc"][0] in ("body", "query")
        assert {"loc", "msg", "type", "url"} <= problem.keys()
    assert not kind or answer.json["detail"][0]["type"] == kind


def test_a_wrong_field_is_named_where_it_is(quiet: Gateway, key: str) -> None:
    body = b'{"prompt": "a cat", "num_images": 9, "seed": "x", "image_size": {"width": 0, "height": 5}}'
    answer = exchange(quiet.address, post(body).replace(b"{key}", key.encode()))
    places = [problem["loc"][:2] for problem in answer.json["detail"]]
    assert {tuple(place) for place in places} == {
        ("body", "num_images"),
        ("body", "seed"),
        ("body", "image_size"),
    }


def test_a_client_that_leaves_in_its_body_leaves_nothing(
    quiet: Gateway, upstream: Simulator, key: str
) -> None:
    before = quiet.database.count_jobs(), upstream.calls()
    request = post(SIMPLE_JSON).replace(b"{key}", key.encode())
    for length in range(1, len(request), 10):
        with connect(quiet.address) as connection:
            connection.sendall(request[:length])
    assert quiet.get("/livez").status_code == 200
    assert (quiet.database.count_jobs(), upstream.calls()) == before


def test_after_all_of_this_good_input_is_still_taken(quiet: Gateway, key: str) -> None:
    with Caller(quiet.address, key) as caller:
        deep = {"x": [[[[[[[[1]]]]]]]]}
        assert caller.submit("a cat", DEV, **deep).status_code == 200
        assert "request.failed" not in quiet.process.log()
