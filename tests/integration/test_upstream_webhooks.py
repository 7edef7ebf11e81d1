"""The upstream's webhooks are hints that nobody can forge, and that nothing depends on."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from urllib.parse import unquote
from uuid import UUID, uuid4

import httpx
import pytest

from tests.conftest import StartGateway
from tests.support.accounts import Account
from tests.support.called_back import Scene, called_back, seconds_taken, seconds_to_look, send
from tests.support.caller import DEV
from tests.support.database import Database, fresh_database
from tests.support.gateway import make_keys, serve
from tests.support.processes import FLUXGATE, Child, run_fluxgate, running
from tests.support.receiver import receiving
from tests.support.simulator import Simulator
from tests.support.stores import Stores, settings_for
from tests.support.waiting import until

StartScene = Callable[..., Scene]

SHORT_LEASE = {"lease_seconds": "7", "upstream_timeout_seconds": "6"}


@pytest.fixture(scope="module")
def scenes(
    stores: Stores, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Scene]]:
    """Scenes on one gateway, for tests that do not mind the jobs of others."""
    with fresh_database(stores.database_url) as database:
        settings = settings_for(stores, database, simulator.address) | called_back(simulator)
        with serve(tmp_path_factory.mktemp("gateway"), database, settings=settings) as gateway:
            yield lambda: Scene(gateway, simulator)


@pytest.fixture
def scene(scenes: Callable[[], Scene]) -> Scene:
    return scenes()


@pytest.fixture
def start_scene(start_gateway: StartGateway, simulator: Simulator) -> StartScene:
    """Starts gateways of a test's own."""

    def start(*options: str, **settings: str) -> Scene:
        return Scene(start_gateway(*options, **called_back(simulator), **settings), simulator)

    return start


@pytest.fixture
def worker(stores: Stores, database: Database, simulator: Simulator, tmp_path: Path) -> Iterator[Child]:
    """A worker alone, of gateways that are called back."""
    settings = settings_for(stores, database, simulator.address) | called_back(simulator)
    with running(tmp_path, FLUXGATE, "worker", settings=settings) as worker:
        until(lambda: "Following jobs" in worker.log())
        yield worker


def test_a_job_ends_by_its_webhook_without_one_question_for_its_status(scene: Scene, prompt: str) -> None:
    scene.show_that_webhooks_arrive()
    told_of = f"{prompt} [slow 2]"
    job_id = scene.caller.job(told_of)
    scene.database.wait(job_id, "succeeded")
    upstream_job = scene.upstream.only(told_of)
    assert upstream_job["counts"] == {"submit": 1, "result": 1}
    assert scene.caller.result(job_id).content == scene.upstream.result_of(upstream_job["id"]).content
    assert scene.told_id(job_id) == upstream_job["id"]


@pytest.mark.parametrize("status", [422, 500])
def test_a_failure_ends_by_its_webhook(scene: Scene, prompt: str, status: int) -> None:
    scene.show_that_webhooks_arrive()
    failing = f"{prompt} [slow 1] [fail {status}]"
    job_id = scene.caller.job(failing)
    scene.database.wait(job_id, "failed")
    # Of a 5xx in place of a result the status tells whether it is the model's own.
    asked = {"submit": 1, "result": 1} if status == 422 else {"submit": 1, "result": 2, "status": 1}
    assert scene.upstream.only(failing)["counts"] == asked
    result = scene.caller.result(job_id)
    assert result.status_code == status
    assert result.content == scene.upstream.result_of(scene.upstream.only(failing)["id"]).content


def test_a_result_without_pictures_is_not_taken_for_a_success_before_the_status_is_read(
    scene: Scene, prompt: str
) -> None:
    scene.show_that_webhooks_arrive()
    failing = f"{prompt} [slow 2] [fail 200]"
    job_id = scene.caller.job(failing)
    scene.database.wait(job_id, "failed")
    assert scene.database.job(job_id)["error_type"] == "runner_server_error"
    assert scene.upstream.only(failing)["counts"] == {"submit": 1, "result": 2, "status": 1}
    account = Account.of(scene.database, scene.caller)
    assert [kind for kind, _, _ in account.ledger(job_id)] == ["reserve", "release"]


def test_a_webhook_that_is_sent_three_times_ends_its_job_once(scene: Scene, prompt: str) -> None:
    thrice = f"{prompt} [webhook 3]"
    job_id = scene.caller.job(thrice)
    until(lambda: len(scene.upstream.only(thrice)["webhook_tries"]) == 3)
    scene.database.wait(job_id, "succeeded")
    tries = scene.upstream.only(thrice)["webhook_tries"]
    assert [tried["status"] for tried in tries] == [204] * 3
    assert scene.database.history(job_id).count("succeeded") == 1
    assert (scene.heard("heard"), scene.heard("repeated")) == (1, 2)
    assert scene.upstream.only(thrice)["counts"]["result"] == 1

    before = scene.database.rows("SELECT * FROM jobs WHERE id = $1", UUID(job_id))
    assert send(scene.address(thrice), scene.letter(thrice)).status_code == 204
    assert scene.database.rows("SELECT * FROM jobs WHERE id = $1", UUID(job_id)) == before


def test_webhooks_ten_times_each_in_any_order_and_before_the_answer_end_each_job_once(
    scene: Scene, prompt: str
) -> None:
    words = [f"{prompt} {number} [webhook early] [submit hang 1]" for number in range(6)]
    with ThreadPoolExecutor(16) as threads:
        submits = [threads.submit(scene.caller.job, one) for one in words]
        for one in words:
            until(partial(scene.upstream.accepted, one))
        letters = [(scene.address(one), scene.letter(one)) for one in words] * 10
        Random(prompt).shuffle(letters)
        statuses = list(threads.map(lambda one: send(*one).status_code, letters))
        jobs = [submit.result() for submit in submits]
    assert statuses == [204] * 60
    for one, job_id in zip(words, jobs, strict=True):
        scene.database.wait(job_id, "succeeded")
        assert scene.database.history(job_id).count("succeeded") == 1
        assert len(scene.upstream.accepted(one)) == 1
    assert (scene.heard("heard"), scene.heard("repeated"), scene.heard("mismatch")) == (6, 60, 0)
    account = Account.of(scene.database, scene.caller)
    assert [[kind for kind, _, _ in account.ledger(job_id)] for job_id in jobs] == [["reserve", "charge"]] * 6


@pytest.mark.parametrize("fault", ["forged", "stale"])
def test_what_the_upstream_did_not_sign_just_now_is_refused(scene: Scene, prompt: str, fault: str) -> None:
    bad = f"{prompt} [webhook {fault}]"
    job_id = scene.caller.job(bad)
    assert scene.letter(bad)["status"] == 401
    assert scene.heard(fault) >= 1
    assert scene.told_id(job_id) is None
    scene.caller.wait(job_id)
    assert scene.database.state(job_id) == "succeeded"


def test_nothing_that_was_signed_for_another_body_or_job_counts(scene: Scene, prompt: str) -> None:
    done, open_one = scene.caller.job(prompt), scene.caller.job(f"{prompt} [slow 600]")
    letter, address = scene.letter(prompt), scene.address(f"{prompt} [slow 600]")
    assert send(address, letter, letter["body"].replace("OK", "ERROR")).status_code == 401
    assert httpx.post(address, json={}, trust_env=False, timeout=60).status_code == 401

    # Signed by the upstream, but about the other job: it is noted for neither.
    assert send(address, letter).status_code == 204
    assert scene.told_id(open_one) is None
    assert len(scene.events("webhook.id_mismatch", open_one)) == 1
    scene.database.wait(done, "succeeded")
    assert scene.caller.word(open_one) != "COMPLETED"


def test_a_wrong_address_and_an_unknown_job_are_answered_alike(scene: Scene, prompt: str) -> None:
    job_id = scene.caller.job(prompt)
    letter, address = scene.letter(prompt), scene.address(prompt)
    start, _, mac = address.rpartition("/")
    strange = f"{scene.gateway.address}/webhooks/fal/{uuid4()}/{mac}"
    upper = start.replace(job_id, job_id.upper())
    wrong = [strange, f"{start}/{'A' * 32}", start, f"{start}/", f"{upper}/{mac}", f"{address}/more"]
    answers = [send(one, letter) for one in wrong]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    scene.database.wait(job_id, "succeeded")
    scene.database.rows("DELETE FROM jobs WHERE id = $1", UUID(job_id))
    unknown = send(address, letter)
    assert (unknown.status_code, unknown.content) == (404, answers[0].content)


def logged(scene: Scene) -> list[tuple[str, int]]:
    """The paths and statuses of the requests in the log."""
    return [(line["path"], line["status"]) for line in scene.gateway.process.events("request.answered")]


def are_in_order(expected: Sequence[tuple[str, int]], lines: Sequence[tuple[str, int]]) -> bool:
    """Whether these lines are there one behind the other, whatever stands between them."""
    rest = iter(lines)
    return all(line in rest for line in expected)


def test_the_address_is_a_secret(scene: Scene, prompt: str) -> None:
    job_id = scene.caller.job(prompt)
    scene.caller.wait(job_id)
    scene.letter(prompt)
    mac = scene.address(prompt).rpartition("/")[2]
    path = f"/webhooks/fal/{job_id}/{mac}"
    before = len(logged(scene))
    httpx.post(f"{scene.gateway.address}{path}?more", json={}, trust_env=False, timeout=60)
    scene.gateway.get(path)
    scene.gateway.get(f"/below{path}")
    # Letters about the jobs of other tests may come in between.
    expected = [("/webhooks/…", 401), ("/webhooks/…", 405), ("/below/webhooks/…", 404)]
    until(lambda: are_in_order(expected, logged(scene)[before:]))
    shown = [scene.gateway.get(page).text for page in ("/metrics", "/openapi.json")]
    shown += [scene.caller.get(f"/api/jobs/{job_id}").text, scene.caller.status(job_id).text]
    shown += [scene.caller.result(job_id).text, scene.gateway.process.log()]
    assert not [text for text in shown if mac in text]


def test_a_webhook_that_comes_before_the_answer_to_its_submit_is_not_lost(scene: Scene, prompt: str) -> None:
    scene.show_that_webhooks_arrive()
    early = f"{prompt} [webhook early]"
    job_id = scene.caller.job(early)
    assert scene.letter(early)["status"] == 204
    scene.database.wait(job_id, "succeeded")
    assert scene.database.history(job_id) == ["submitting", "queued", "succeeded"]
    assert scene.upstream.only(early)["counts"] == {"submit": 1, "result": 1}


@pytest.mark.parametrize("trouble", ["[submit reset]", "[submit garbage]", "[submit 500 accepted]"])
@pytest.mark.parametrize("order", ["", "[webhook early]"])
def test_a_job_that_may_have_been_accepted_is_found_by_its_webhook(
    scene: Scene, prompt: str, trouble: str, order: str
) -> None:
    ambiguous = f"{prompt} [slow 0.5] {trouble} {order}"
    job_id = scene.caller.job(ambiguous)
    scene.database.wait(job_id, "succeeded")
    assert scene.database.history(job_id) == ["submitting", "unknown", "queued", "succeeded"]
    upstream_job = scene.upstream.only(ambiguous)
    assert scene.caller.result(job_id).content == scene.upstream.result_of(upstream_job["id"]).content
    assert upstream_job["counts"].get("status", 0) == 0


def test_a_job_whose_sender_died_is_found_by_its_webhook(
    start_scene: StartScene, simulator: Simulator, prompt: str
) -> None:
    dead, heir = start_scene("--no-worker", **SHORT_LEASE), start_scene(**SHORT_LEASE)
    hanging = f"{prompt} [submit hang 1]"
    with ThreadPoolExecutor() as threads:
        asking = threads.submit(dead.caller.submit, hanging)
        until(lambda: simulator.accepted(hanging))
        dead.gateway.process.kill()
    assert isinstance(asking.exception(), httpx.TransportError)
    # What the dead one has asked for is its own address; behind a real one the other would answer.
    address = heir.address(hanging).replace(dead.gateway.address, heir.gateway.address)
    assert send(address, heir.letter(hanging)).status_code == 204
    job_id = str(heir.database.value("SELECT id FROM jobs"))
    heir.database.wait(job_id, "succeeded")
    assert heir.database.history(job_id) == ["submitting", "queued", "succeeded"]
    assert len(simulator.accepted(hanging)) == 1


def test_news_of_a_lost_job_is_kept_and_told_and_changes_nothing(
    start_scene: StartScene, prompt: str
) -> None:
    scene = start_scene(unknown_patience_seconds="0.5", admin_key="an-admin-key-of-this-test")
    late = f"{prompt} [submit reset] [webhook late 8]"
    job_id = scene.caller.job(late)
    scene.database.wait(job_id, "lost")
    before = scene.caller.get(f"/api/jobs/{job_id}").json()
    assert scene.letter(late)["status"] == 204
    assert scene.told_id(job_id) == scene.upstream.only(late)["id"]
    [line] = scene.events("job.late_news", job_id)
    assert (line["state"], line["level"]) == ("lost", "error")
    assert scene.heard("late") == 1
    assert scene.caller.get(f"/api/jobs/{job_id}").json() == before
    admin = {"authorization": "Bearer an-admin-key-of-this-test"}
    [item] = scene.gateway.get("/api/admin/unknown", headers=admin).json()["items"]
    assert (item["id"], item["told_at"] is not None) == (job_id, True)


@pytest.mark.parametrize("fault", ["retried", "astray"])
def test_a_webhook_is_about_its_request_whichever_attempt_was_the_last(
    scene: Scene, prompt: str, fault: str
) -> None:
    odd = f"{prompt} [webhook {fault}]"
    job_id = scene.caller.job(odd)
    assert scene.letter(odd)["status"] == 204
    scene.database.wait(job_id, "succeeded")
    is_other = fault == "astray"
    assert scene.told_id(job_id) == (None if is_other else scene.upstream.only(odd)["id"])
    assert len(scene.events("webhook.id_mismatch", job_id)) == is_other


def test_news_of_another_request_before_the_answer_is_not_used(scene: Scene, prompt: str) -> None:
    odd = f"{prompt} [webhook early] [webhook astray]"
    job_id = scene.caller.job(odd)
    upstream_id = scene.upstream.only(odd)["id"]
    scene.database.wait(job_id, "succeeded")
    assert scene.told_id(job_id) != upstream_id
    assert scene.events("webhook.id_mismatch", job_id)
    assert scene.caller.result(job_id).content == scene.upstream.result_of(upstream_id).content


def test_where_webhooks_do_not_come_jobs_are_looked_at_as_ever(start_scene: StartScene, prompt: str) -> None:
    scene = start_scene()
    scene.show_that_webhooks_arrive()
    first = scene.caller.job(f"{prompt} [webhook none]")
    # Nobody asks for it, so it is found by the slow look alone.
    scene.database.wait(first, "succeeded")
    assert seconds_taken(scene.database, first) > 9
    assert len(scene.events("webhook.missed", first)) == scene.heard("missed") == 1

    # From then on jobs are looked at as if there were no webhooks, until the next one is heard.
    second = scene.caller.job(f"{prompt} again [webhook none] [slow 6]")
    assert seconds_to_look(scene.database, second) < 5
    scene.database.wait(second, "succeeded")
    third = scene.caller.job(prompt)
    until(lambda: scene.told_id(third))
    fourth = scene.caller.job(f"{prompt} [slow 600]")
    assert seconds_to_look(scene.database, fourth, since="submitted_at") > 8


def test_whoever_waits_for_a_job_whose_webhook_is_lost_does_not_wait_for_the_slow_look(
    scene: Scene, prompt: str
) -> None:
    scene.show_that_webhooks_arrive()
    job_id = scene.caller.job(f"{prompt} [webhook none]")
    scene.caller.wait(job_id)
    # The slow look would come after ten seconds at least.
    assert seconds_taken(scene.database, job_id) < 10


@pytest.mark.usefixtures("worker")
def test_workers_elsewhere_learn_that_webhooks_arrive_and_of_each(
    start_scene: StartScene, simulator: Simulator, database: Database, prompt: str
) -> None:
    [key] = make_keys(database, 1)
    one, other = (start_scene("--no-worker").gateway.caller(key) for _ in range(2))
    one.wait(one.job(f"{prompt} first"))

    # The other gateway has heard none itself, and reads within seconds that they are heard.
    probes = [f"{prompt} probe [slow 600]"]

    def is_slow() -> bool:
        probes.append(f"{probes[-1]}.")
        return seconds_to_look(database, other.job(probes[-1]), since="submitted_at") > 8

    until(is_slow)
    told_of = f"{prompt} [slow 2]"
    job_id = other.job(told_of)
    database.wait(job_id, "succeeded")
    assert simulator.only(told_of)["counts"] == {"submit": 1, "result": 1}
    one.wait(job_id)


def test_without_webhooks_none_is_asked_for_and_none_is_taken(
    start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    gateway = start_gateway()
    caller = gateway.caller()
    caller.wait(caller.job(prompt))
    assert simulator.only(prompt)["webhook"] is None
    answer = httpx.post(
        f"{gateway.address}/webhooks/fal/{uuid4()}/{'A' * 32}", json={}, trust_env=False, timeout=60
    )
    assert answer.status_code == 404


def test_no_webhook_is_lost_in_whatever_order_it_comes(scene: Scene, prompt: str) -> None:
    """Around the ends of these jobs submits are answered, moved, claimed and told of, all at once."""
    scene.show_that_webhooks_arrive()
    orders = ("", "[webhook early]", "[submit hang 0.1]", "[webhook 2]", "[submit reset]")
    prompts = [f"{prompt} {n} [slow {n % 7 * 0.02:.2f}] {orders[n % len(orders)]}" for n in range(100)]
    with ThreadPoolExecutor(16) as threads:
        jobs = list(threads.map(scene.caller.job, prompts))
    for job_id in jobs:
        scene.database.wait(job_id, "succeeded")
    # One that was lost would have been found by the slow look, ten seconds later at least.
    slowest = "SELECT max(extract(epoch FROM completed_at - told_at)) FROM jobs WHERE id = ANY($1::uuid[])"
    assert scene.database.value(slowest, jobs) < 10
    assert scene.heard("missed") == 0


@pytest.mark.parametrize(
    ("public_url", "is_asked"),
    [
        ("https://gateway.example.com", True),
        ("http://gateway.example.com", False),
        ("https://10.0.0.1", False),
    ],
)
def test_webhooks_are_asked_for_by_themselves_where_the_upstream_can_reach_us(
    start_gateway: StartGateway, simulator: Simulator, prompt: str, public_url: str, is_asked: bool
) -> None:
    gateway = start_gateway(public_url=public_url)
    untold = f"{prompt} [webhook none]"
    gateway.database.wait(gateway.caller().job(untold), "succeeded")
    webhook = simulator.only(untold)["webhook"] or ""
    assert webhook.startswith(f"{public_url}/webhooks/fal/") == is_asked


def test_only_fal_can_be_told_to_call_back(tmp_path: Path) -> None:
    settings = {"upstream_webhooks": "on", "upstream_key": "a-key", "upstream_profile": "quickrouter"}
    done = run_fluxgate(tmp_path, "serve", settings=settings)
    assert done.returncode == 1
    assert "FLUXGATE_UPSTREAM_WEBHOOKS" in done.stderr


def test_a_call_that_waits_gets_its_result_though_the_webhook_is_lost(scene: Scene, prompt: str) -> None:
    scene.show_that_webhooks_arrive()
    answer = scene.caller.post(
        DEV, json={"prompt": f"{prompt} [webhook none]"}, headers={"prefer": "wait=50"}
    )
    assert answer.headers["preference-applied"] == "wait=50"
    assert seconds_taken(scene.database, answer.headers["x-fal-request-id"]) < 10


def test_a_webhook_that_is_too_large_is_not_read(start_scene: StartScene, prompt: str) -> None:
    scene = start_scene(result_limit_bytes="2000")
    large = f"{prompt} {'cat ' * 1000}"
    job_id = scene.caller.job(large)
    assert scene.letter(large)["status"] == 413
    assert scene.told_id(job_id) is None


def test_the_keys_are_fetched_without_our_credential_and_again_after_an_outage(
    start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    with receiving() as keys:
        keys.statuses, keys.content = [500], simulator.get("/.well-known/jwks.json").content
        settings = called_back(simulator) | {"upstream_jwks_url": f"{keys.address}/keys"}
        scene = Scene(start_gateway(**settings), simulator)
        job_id = scene.caller.job(prompt)
        until(lambda: scene.told_id(job_id))

        def statuses() -> list[int]:
            return [tried["status"] for tried in simulator.only(prompt)["webhook_tries"]]

        # It is stored before its sender has noted the answer.
        until(lambda: statuses()[-1] == 204)
        assert statuses()[0] == 503
        assert [request.path for request in keys.requests] == ["/keys"] * 2
        assert not any("authorization" in request.headers for request in keys.requests)


def test_an_upstream_that_quotes_the_address_in_a_refusal_does_not_tell_it_to_the_caller(
    start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    with receiving() as upstream:
        upstream.quotes_path, upstream.statuses = True, [422]
        gateway = start_gateway(**called_back(simulator), upstream_url=upstream.address)
        answer = gateway.caller().submit(prompt)
        mac = unquote(upstream.requests[0].path).rpartition("/")[2]
    assert (answer.status_code, len(mac)) == (422, 32)
    assert b"***" in answer.content
    assert mac not in answer.text
