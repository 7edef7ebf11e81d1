"""Each step of a job's life is told to a collector, in one trace, by whichever process takes it."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tests.conftest import StartGateway
from tests.support.caller import DEV
from tests.support.collector import Collector, Told, collecting
from tests.support.database import Database, fresh_database
from tests.support.gateway import Gateway, serve
from tests.support.processes import FLUXGATE, Child, environment, running
from tests.support.receiver import receiving
from tests.support.simulator import Simulator
from tests.support.stores import UPSTREAM_KEY, Stores, settings_for
from tests.support.vault import wants
from tests.support.waiting import until

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
REQUEST = "POST submit"
StartWorker = Callable[..., Child]
# What every job of the simulator's has; looks that find it queued or running come in any number.
STEPS = (
    REQUEST,
    "record job",
    "upstream submit",
    "record look",
    "look at job",
    "upstream status",
    "upstream result",
    "settle job",
)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced(
    stores: Stores, simulator: Simulator, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway whose jobs are traced."""
    with fresh_database(stores.database_url) as database:
        settings = settings_for(stores, database, simulator.address)
        settings |= {"webhook_allowed_hosts": "127.0.0.1"}
        settings |= {"traces_url": collector.url, "traces_headers": "x-key=of-the-collector, x-team=a b"}
        with serve(tmp_path_factory.mktemp("traced"), database, settings=settings) as gateway:
            yield gateway


@pytest.fixture
def collected() -> Iterator[Collector]:
    """A collector of a test's own."""
    with collecting() as collector:
        yield collector


@pytest.fixture
def start_worker(
    stores: Stores, database: Database, simulator: Simulator, on_exit: ExitStack, tmp_path: Path
) -> StartWorker:
    """Starts a worker on the test's database; keywords are settings."""

    def start(**settings: str) -> Child:
        own = {**settings_for(stores, database, simulator.address), **settings}
        return on_exit.enter_context(running(tmp_path, FLUXGATE, "worker", settings=own))

    return start


def one(spans: list[Told], name: str) -> Told:
    found = [span for span in spans if span.name == name]
    assert len(found) == 1, [span.name for span in spans]
    return found[0]


def whole(spans: list[Told]) -> list[Told] | None:
    """The spans of a trace, if each is there that has another one within it."""
    ids = {span.span_id for span in spans}
    return spans if all(span.parent_id in ids for span in spans if span.parent_id) else None


def test_a_job_is_one_trace_whose_id_is_its_own(traced: Gateway, collector: Collector, prompt: str) -> None:
    job_id = traced.caller().job(prompt)
    # What is within another one is told before it, and perhaps in an earlier letter.
    spans = until(lambda: whole(collector.trace(UUID(job_id).hex, *STEPS, "queued upstream")))
    assert spans
    request = one(spans, REQUEST)
    assert (request.kind, request.parent_id) == ("server", "")
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["fluxgate.model"] == "fal-ai/flux-1/dev"
    assert request.attributes["fluxgate.team"]
    ids = {span.span_id: span for span in spans}
    looks = [span.span_id for span in spans if span.name == "look at job"]
    for span in spans:
        if span.name in ("record job", "upstream submit", "look at job"):
            assert span.parent_id == request.span_id, span
        elif span.name in ("upstream status", "upstream result", "settle job"):
            assert span.parent_id in looks, span
        assert span is request or span.parent_id in ids, span
    assert one(spans, "settle job").attributes["fluxgate.job.state"] == "succeeded"
    assert {span.kind for span in spans if span.name.startswith("upstream ")} == {"client"}
    assert one(spans, "queued upstream").seconds > 0
    assert request.attributes["fluxgate.job.id"] == job_id


def test_a_callers_trace_is_continued(traced: Gateway, collector: Collector, prompt: str) -> None:
    # Others say the one that all of these tests know, to the same collector.
    trace_id = uuid4().hex
    sent = {"traceparent": SENT["traceparent"].replace(TRACE, trace_id)}
    answer = traced.caller().post(DEV, json={"prompt": prompt}, headers=sent)
    spans = collector.trace(trace_id, *STEPS)
    request = one(spans, REQUEST)
    assert request.parent_id == PARENT
    assert {span.parent_id for span in spans if span.name == "look at job"} == {request.span_id}
    assert request.attributes["fluxgate.job.id"] == answer.json()["request_id"]
    assert not [span for span in collector.spans() if span.trace_id == UUID(answer.json()["request_id"]).hex]


def test_the_upstream_is_told_nothing_of_traces(traced: Gateway, simulator: Simulator, prompt: str) -> None:
    """Neither at first nor when the job has to be sent from what is stored."""
    waiting = f"{prompt} [submit 429 1]"
    traced.caller().post(DEV, json={"prompt": waiting}, headers={**SENT, "x-fal-no-retry": "1"})
    sent = until(lambda: simulator.accepted(waiting))
    assert sent[0]["headers"]["x-fal-no-retry"] == "1"
    assert "traceparent" not in sent[0]["headers"]


def test_steps_in_another_process_are_in_the_same_trace(
    start_gateway: StartGateway, start_worker: StartWorker, collected: Collector, prompt: str
) -> None:
    gateway = start_gateway("--no-worker", traces_url=collected.url)
    start_worker(traces_url=collected.url)
    caller = gateway.caller()
    caller.post(DEV, json={"prompt": prompt}, headers=SENT)
    own = UUID(caller.job(f"{prompt} too")).hex
    for trace_id in (TRACE, own):
        spans = collected.trace(trace_id, *STEPS)
        request = one(spans, REQUEST)
        assert {span.parent_id for span in spans if span.name == "look at job"} == {request.span_id}


def test_the_collector_gets_its_headers_at_the_usual_path(
    traced: Gateway, collector: Collector, prompt: str
) -> None:
    collector.trace(UUID(traced.caller().job(prompt)).hex, REQUEST)
    request = collector.receiver.requests[-1]
    assert (request.method, request.path) == ("POST", "/v1/traces")
    assert (request.headers["x-key"], request.headers["x-team"]) == ("of-the-collector", "a b")
    assert request.headers["content-type"] == "application/x-protobuf"


def test_a_cancellation_is_told_in_the_jobs_trace(traced: Gateway, collector: Collector, prompt: str) -> None:
    caller = traced.caller()
    slow = {"prompt": f"{prompt} [slow 60]"}
    other = {"traceparent": SENT["traceparent"].replace(TRACE, TRACE[::-1])}
    followed = caller.post(DEV, json=slow, headers=other).json()["request_id"]
    for job_id, trace_id in ((caller.job(f"{prompt} too [slow 60]"), None), (followed, TRACE[::-1])):
        assert caller.cancel(job_id).status_code in (200, 202)
        spans = collector.trace(trace_id or UUID(job_id).hex, REQUEST, "PUT cancel", "upstream cancel")
        cancelling = one(spans, "PUT cancel")
        assert cancelling.parent_id == one(spans, REQUEST).span_id
        assert cancelling.attributes["fluxgate.job.id"] == job_id
        assert {span.parent_id for span in spans if span.name == "upstream cancel"} >= {cancelling.span_id}


def test_webhooks_and_copies_are_told_and_nothing_secret_is(
    traced: Gateway, collector: Collector, prompt: str
) -> None:
    caller = traced.caller()
    wants(traced.database, caller)
    with receiving() as receiver:
        hook = f"{receiver.address}/hooks/who-may-know"
        answer = caller.post(DEV, params={"fal_webhook": hook}, json={"prompt": prompt})
        job_id = UUID(answer.json()["request_id"])
        spans = collector.trace(job_id.hex, "deliver webhook", "send webhook", "archive pictures")
    told = one(spans, "send webhook")
    assert (told.kind, told.attributes["http.response.status_code"]) == ("client", 200)
    assert told.parent_id == one(spans, "deliver webhook").span_id
    upstream_id = traced.database.value(
        "SELECT upstream_id FROM jobs WHERE id = $1", UUID(answer.json()["request_id"])
    )
    secrets = (
        prompt,
        caller.key,
        UPSTREAM_KEY,
        hook,
        "who-may-know",
        upstream_id,
        caller.base_url.host + ":",
    )
    everything = b"".join(collector.bodies())
    assert [secret for secret in secrets if str(secret).encode() in everything] == []


def test_what_is_no_traceparent_is_ignored(traced: Gateway, collector: Collector, prompt: str) -> None:
    caller = traced.caller()
    jobs: list[str] = []
    for values in (["x" * 20_000], ["\x80\xff" * 8], ["", ""], [SENT["traceparent"]] * 2):
        headers = [(b"traceparent", value.encode("latin-1")) for value in values]
        answer = caller.post(DEV, json={"prompt": f"{prompt} {len(jobs)}"}, headers=headers)
        assert answer.status_code == 200
        jobs.append(answer.json()["request_id"])
    for job_id in jobs:
        assert one(collector.trace(UUID(job_id).hex, REQUEST), REQUEST).parent_id == ""


def test_who_says_not_to_trace_is_not_traced(traced: Gateway, collector: Collector, prompt: str) -> None:
    trace_id = "0" * 31 + "7"
    silent = {"traceparent": f"00-{trace_id}-{PARENT}-00"}
    caller = traced.caller()
    job_id = caller.post(DEV, json={"prompt": prompt}, headers=silent).json()["request_id"]
    caller.wait(job_id)
    collector.trace(UUID(caller.job(f"{prompt} later")).hex, *STEPS)
    assert not {span.trace_id for span in collector.spans()} & {trace_id, UUID(job_id).hex}


def test_who_is_not_recognised_is_not_told_of(traced: Gateway, collector: Collector, prompt: str) -> None:
    stranger = traced.caller("fg_nobody")
    assert stranger.post(DEV, json={"prompt": prompt}, headers=SENT).status_code == 401
    collector.trace(UUID(traced.caller().job(prompt)).hex, REQUEST)
    answered = {span.attributes.get("http.response.status_code") for span in collector.spans()}
    assert 401 not in answered


def test_without_the_setting_nothing_is_traced(gateway: Gateway, prompt: str) -> None:
    job_id = gateway.caller().post(DEV, json={"prompt": prompt}, headers=SENT).json()["request_id"]
    kept = gateway.database.value("SELECT upstream_headers FROM job_inputs WHERE job_id = $1", UUID(job_id))
    assert kept == "{}"
    assert gateway.metric("fluxgate_trace_spans_total") == 0


def test_a_share_of_none_leaves_callers_traces_and_a_stop_sends_what_waits(
    start_gateway: StartGateway, collected: Collector, prompt: str
) -> None:
    gateway = start_gateway(traces_url=collected.url, traces_sample_ratio="0")
    caller = gateway.caller()
    caller.job(prompt)
    caller.post(DEV, json={"prompt": f"{prompt} too"}, headers=SENT)
    assert gateway.process.stop() == 0
    spans = collected.spans()
    assert {span.trace_id for span in spans} == {TRACE}
    assert REQUEST in {span.name for span in spans}


def test_what_a_collector_cannot_take_now_is_sent_again_and_what_it_refuses_is_counted(
    start_gateway: StartGateway, collected: Collector, prompt: str
) -> None:
    """Nothing goes to where its answers point."""
    collected.receiver.statuses = [503, 307, 500]
    gateway = start_gateway(traces_url=f"{collected.url}/otlp")
    caller = gateway.caller()
    requests = collected.receiver.requests
    for number in range(4):
        caller.job(f"{prompt} {number} [slow 60]")
        until(lambda: len(requests) > number)  # noqa: B023 # called at once
    until(lambda: gateway.metric('fluxgate_trace_spans_total{outcome="sent"}'))
    assert gateway.metric('fluxgate_trace_spans_total{outcome="dropped"}')
    came = [span.span_id for span in collected.spans()]
    assert len(came) > len(set(came))
    assert {request.path for request in requests} == {"/otlp"}


def test_jobs_go_on_while_a_collector_is_silent(start_gateway: StartGateway, prompt: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        gateway = start_gateway(traces_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        caller = gateway.caller()
        caller.wait(caller.job(prompt))
        assert gateway.process.stop() == 0
    assert gateway.process.events("traces.dropped")


def test_without_the_extra_the_start_says_so(stores: Stores, database: Database, tmp_path: Path) -> None:
    (tmp_path / "opentelemetry" / "exporter").mkdir(parents=True)
    (tmp_path / "opentelemetry" / "exporter" / "__init__.py").touch()
    settings = settings_for(stores, database, "http://127.0.0.1:9") | {"traces_url": "http://127.0.0.1:9"}
    known = environment(settings)
    # A package in front of the libraries hides them.
    known["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{known['PYTHONPATH']}"
    command = [FLUXGATE, "serve", "--port", "0"]
    run = subprocess.run(
        command, cwd=tmp_path, env=known, capture_output=True, text=True, check=False, timeout=180
    )
    assert run.returncode == 1
    assert "FLUXGATE_TRACES_URL: this needs the extra `traces`" in run.stderr
