"""Bad input gets a clear error and leaves nothing behind: no job, no upstream call, no fault of ours."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest

from app.callers.key_material import digest_of
from app.callers.pepper import derived_key
from app.callers.token_format import TokenClaims, TokenSigner
from app.main import create_app
from app.settings import Settings
from tests.support.caller import Caller
from tests.support.database import Database, fresh_database
from tests.support.front_proxy import NGINX, in_front_of
from tests.support.gateway import Gateway, make_keys, serve
from tests.support.hostile import ANY, DEV, LIST, HostileRequest, filled, read_table, submit
from tests.support.simulator import Simulator, simulate
from tests.support.stores import PEPPER, UPSTREAM_KEY, Stores, settings_for
from tests.support.waiting import until
from tests.support.wire import RawAnswer, connect, exchange

pytestmark = pytest.mark.xdist_group("hostile input")

ADMIN = "fga_of-the-hostile-table"
needs_nginx = pytest.mark.skipif(not NGINX, reason="there is no nginx on this machine")
# nginx leaves out a line that is no header, and ends chunks as they should end.
MENDED = frozenset({"B10 a chunk that ends with LF only", "B14 a header without a colon"})
TABLE = tuple(read_table())
# What of the answers is ours has a name and says that nobody is to keep it.
TOO_LONG = 4096
STANDING = """
    SELECT (SELECT count(*) FROM jobs WHERE completed_at IS NULL) AS open_jobs,
        (SELECT count(*) FROM jobs) AS jobs, (SELECT count(*) FROM ledger) AS entries,
        (SELECT sum(reserved_micros + in_flight) FROM allowances) AS reserved,
        (SELECT count(*) FROM work) AS owed, (SELECT count(*) FROM audit_trail) AS deeds
"""


@dataclass(frozen=True)
class Scene:
    """A gateway with no other jobs, so that everything it does is this module's doing.

    Attributes:
        names: what the braces of the table stand for.
        address: where requests are sent.
    """

    gateway: Gateway
    upstream: Simulator
    names: Mapping[str, str]
    address: str

    def send(self, request: bytes) -> RawAnswer:
        return exchange(self.address, filled(request, self.names))

    def standing(self) -> tuple[object, ...]:
        """Everything that a request could have left behind, once nothing is under way any more."""
        row = until(self._at_rest)
        assert row
        return *row.values(), self.upstream.calls()

    def _at_rest(self) -> dict[str, object] | None:
        [row] = self.gateway.database.rows(STANDING)
        return None if row["open_jobs"] else row


@pytest.fixture(scope="module")
def scene(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("hostile")
    with simulate(directory) as upstream, fresh_database(stores.database_url) as database:
        settings = {**settings_for(stores, database, upstream.address), "admin_key": ADMIN}
        with serve(directory, database, settings=settings) as gateway:
            names = make_names(gateway, upstream)
            yield Scene(gateway, upstream, names, gateway.address)


def make_names(gateway: Gateway, upstream: Simulator) -> dict[str, str]:
    """Credentials good and bad, and one job that has ended."""
    database = gateway.database
    [key], [other], [revoked], [expired] = (make_keys(database, 1) for _ in range(4))
    for secret, change in ((revoked, "revoked_at = now()"), (expired, "expires_at = now()")):
        database.rows(f"UPDATE api_keys SET {change} WHERE digest = $1", digest_of(secret, PEPPER.encode()))
    with Caller(gateway.address, key) as caller, Caller(gateway.address, other) as stranger:
        job, _ = caller.job("a cat of the key"), stranger.job("a first cat of another team")
        stranger.wait(stranger.job("a second cat of another team"))
        caller.wait(job)
        cursor = stranger.get("/api/jobs", params={"limit": 1}).json()["next_cursor"]
    token = token_of(database, key)
    return {
        "key": key,
        "other": other,
        "revoked": revoked,
        "expired": expired,
        "admin": ADMIN,
        "token": token,
        "orphan": token_of(database, revoked),
        "altered": token.replace(".", "A.", 1),
        "job": job,
        "upstream": upstream.only("a cat of the key")["id"],
        "cursor": cursor,
    }


def token_of(database: Database, key: str) -> str:
    [row] = database.rows(
        "SELECT id, team_id FROM api_keys WHERE digest = $1", digest_of(key, PEPPER.encode())
    )
    expires_ms = int(time.time() * 1000) + 3_600_000
    claims = TokenClaims(token_id=uuid4(), key_id=row["id"], team_id=row["team_id"], expires_ms=expires_ms)
    return TokenSigner([derived_key(PEPPER.encode(), "browser tokens")]).sign(claims)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in TABLE if row.is_refused])
def test_hostile_input_is_refused_and_leaves_nothing_behind(scene: Scene, row: HostileRequest) -> None:
    before = scene.standing()
    answer = scene.send(row.request)
    assert answer.status in row.statuses, answer
    check_words(answer, row)
    check_secrets(answer, scene.names)
    assert scene.standing() == before


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in TABLE if not row.is_refused])
def test_what_only_looks_hostile_is_taken(scene: Scene, row: HostileRequest) -> None:
    answer = scene.send(row.request)
    assert answer.status in row.statuses, answer


def check_words(answer: RawAnswer, row: HostileRequest) -> None:
    """The name of the error where it belongs, and an answer that nobody keeps and that is no page."""
    if answer.status == 401:
        assert answer.headers["www-authenticate"]
    if row.error_type == LIST:
        check_problems(answer, row.problem)
    elif row.error_type != ANY:
        told = answer.json.get("error", {}).get("code") or answer.json["error_type"]
        assert told == row.error_type == answer.headers.get("x-fal-error-type", told)
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.body) <= TOO_LONG or row.error_type == "invalid_input"
    assert "html" not in answer.headers.get("content-type", "")


def check_problems(answer: RawAnswer, kind: str) -> None:
    for problem in answer.json["detail"]:
        assert problem["loc"][0] in ("body", "query")
        assert {"loc", "msg", "type", "url"} <= problem.keys()
    assert not kind or answer.json["detail"][0]["type"] == kind


def check_secrets(answer: RawAnswer, names: Mapping[str, str]) -> None:
    """No credential comes back, no traceback, no word about what stands behind."""
    told = answer.body.decode("latin-1") + repr(answer.headers)
    secrets = [value for name, value in names.items() if name not in ("job", "upstream", "cursor")]
    assert not [secret for secret in (*secrets, UPSTREAM_KEY) if secret in told]
    assert not re.search(r"Traceback|File \"|asyncpg|sqlalchemy|postgres", told)


def test_a_wrong_field_is_named_where_it_is(scene: Scene) -> None:
    body = b'{"prompt": "a cat", "num_images": 9, "seed": "x", "image_size": {"width": 0, "height": 5}}'
    places = [problem["loc"][:2] for problem in scene.send(submit(body)).json["detail"]]
    assert {tuple(place) for place in places} == {
        ("body", "num_images"),
        ("body", "seed"),
        ("body", "image_size"),
    }


def test_a_client_that_leaves_in_its_body_leaves_nothing(scene: Scene) -> None:
    before = scene.standing()
    request = filled(submit(b'{"prompt": "a cat"}'), scene.names)
    for length in range(1, len(request), 10):
        with connect(scene.gateway.address) as connection:
            connection.sendall(request[:length])
    assert scene.gateway.get("/livez").status_code == 200
    assert scene.standing() == before


def test_after_all_of_this_good_input_is_still_taken(scene: Scene) -> None:
    with Caller(scene.gateway.address, scene.names["key"]) as caller:
        deep = {"x": [[[[[[[[1]]]]]]]]}
        assert caller.submit("a cat", DEV, **deep).status_code == 200
    assert "request.failed" not in scene.gateway.process.log()


PATHS = create_app(Settings(_env_file=None), public_url="http://x", with_worker=False).openapi()["paths"]
PAGES = ("/console", "/console/jobs", "/console/keys/new", "/console/sign-in", "/playground", "/docs")


def filled_path(path: str, names: Mapping[str, str]) -> str:
    """The path with what is there in place of its fields."""
    known = {"app": "flux-1", "model": "flux-1/dev", "place": "0", "name": "x.png"}
    return re.sub(r"\{(\w+)\}", lambda field: known.get(field[1], names["job"]), path)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PROPFIND"])
def test_a_method_that_nobody_uses_does_nothing_anywhere(scene: Scene, method: str) -> None:
    """B19: an answer, and no side effect; where there is none, those that there are are named."""
    before = scene.standing()
    for path in (*PATHS, *PAGES, "/api/fal/proxy"):
        for name in ("key", "admin"):
            head = f"{method} {filled_path(path, scene.names)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            answer = scene.send(f"{head}Authorization: Key {scene.names[name]}\r\n\r\n".encode())
            assert answer.status in (200, 400, 401, 403, 404, 405), (path, answer)
            assert answer.status != 200 or method == "HEAD"
            assert (
                answer.status != 405
                or set(answer.headers["allow"].lower().split(", ")) >= PATHS.get(path, {}).keys()
            )
    assert scene.standing() == before


def test_metrics_name_nothing_that_a_caller_chose(scene: Scene) -> None:
    """G11: or each word of a caller would be kept for ever, and told at every scrape."""
    for word in ("MKCALENDAR", "PROPFIND", "GET", "POST"):
        scene.send(f"{word} /a-path-of-ones-own HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    told = scene.gateway.get("/metrics").text
    labels = dict.fromkeys(re.findall(r'method="([^"]+)"', told))
    assert set(labels) <= {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"}
    assert "a-path-of-ones-own" not in told


# Behind the reference front proxy


@pytest.fixture(scope="module")
def behind(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The same gateway, spoken to through nginx."""
    with in_front_of(tmp_path_factory.mktemp("nginx"), scene.gateway.address) as front:
        yield replace(scene, address=front)


@needs_nginx
def test_behind_the_front_proxy_nothing_of_it_gets_further(behind: Scene) -> None:
    """What two parsers of HTTP make of one request may differ; what comes of it may not."""
    before = behind.standing()
    wrong = []
    # For the rest of a body nginx waits as long as the gateway itself, before it asks anybody.
    for row in (row for row in TABLE if row.is_refused and row.is_whole and row.id not in MENDED):
        answer = behind.send(row.request)
        check_secrets(answer, behind.names)
        # nginx has statuses of its own for what it does not pass on.
        if answer.status not in (*row.statuses, 400, 404, 405, 413, 414, 501, 505):
            wrong.append((row.id, answer.status))
    assert not wrong
    assert behind.standing() == before


@needs_nginx
def test_behind_the_front_proxy_a_hidden_request_is_its_own(behind: Scene) -> None:
    before = behind.standing()
    hidden = submit(b'{"prompt": "a hidden cat"}').replace(b"Authorization: Key {key}\r\n", b"")
    first = filled(submit(b"{}"), behind.names).replace(b"Connection: close", b"Connection: keep-alive")
    both = first.replace(b"Content-Length: 2", b"Content-Length: 2\r\nTransfer-Encoding: chunked")
    for request in (first + hidden, both + hidden):
        with connect(behind.address) as connection, suppress(ConnectionResetError):
            connection.sendall(request)
            statuses = re.findall(
                rb"HTTP/1\.1 (\d{3}) ", b"".join(iter(lambda: connection.recv(65_536), b""))
            )
            assert statuses in ([b"422", b"401"], [b"400"])
    assert behind.standing() == before


@needs_nginx
def test_behind_the_front_proxy_good_input_is_taken(behind: Scene) -> None:
    with Caller(behind.address, behind.names["key"]) as caller:
        caller.wait(caller.job("a cat behind nginx"))


def test_each_row_has_a_name_of_its_own() -> None:
    names = [row.id for row in TABLE]
    assert len(names) == len(set(names))
