"""How the gateway is seen running: alive, ready, metrics, logs."""

from pathlib import Path

from tests.conftest import StartGateway
from tests.support.caller import Caller
from tests.support.database import fresh_database
from tests.support.gateway import Gateway, serve
from tests.support.simulator import Simulator
from tests.support.stores import Stores, settings_for
from tests.support.waiting import until


def test_alive_answers_without_a_credential(gateway: Gateway) -> None:
    answer = gateway.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


def test_ready_names_the_state_of_each_part(gateway: Gateway) -> None:
    answer = gateway.get("/readyz")
    parts = {"postgres": "ok", "redis": "ok", "worker": "ok"}
    told = answer.json()
    # The vault is there, too, once a test before this one has used it.
    told["parts"].pop("vault", None)
    assert set(told.pop("held_jobs")) == {"accepted", "unknown"}
    assert (answer.status_code, told) == (200, {"status": "ready", "parts": parts})


def test_it_takes_more_open_files_than_it_is_given_unasked(
    stores: Stores, simulator: Simulator, tmp_path: Path
) -> None:
    few = ("sh", "-c", 'ulimit -Sn 512; exec "$0" "$@"')
    with fresh_database(stores.database_url) as database:
        settings = settings_for(stores, database, simulator.address)
        with serve(tmp_path, database, settings=settings, under=few) as gateway:
            [told] = gateway.process.events("open_files.raised")
    assert told["before"] == 512 < told["limit"]


def test_without_a_worker_the_following_is_done_elsewhere(start_gateway: StartGateway) -> None:
    gateway = start_gateway("--no-worker")
    assert gateway.get("/readyz").json()["parts"]["worker"] == "elsewhere"


def test_metrics_count_requests_jobs_and_upstream_calls(start_gateway: StartGateway, prompt: str) -> None:
    gateway = start_gateway()
    caller = gateway.caller()
    done, running = caller.job(prompt), caller.job(f"{prompt} [slow 60]")
    caller.wait(done)
    caller.wait(running, "IN_PROGRESS")
    assert caller.submit("").status_code == 422
    assert gateway.metric("fluxgate_request_seconds_count{") >= 4
    assert gateway.metric('fluxgate_upstream_seconds_count{operation="submit",status="200"}') == 2
    until(lambda: gateway.metric('fluxgate_job_moves_total{state="succeeded"}') == 1)
    until(lambda: gateway.metric('fluxgate_jobs_open{state="running"}') == 1)
    assert gateway.metric("fluxgate_work_lag_seconds_count") >= 2
    assert gateway.metric("fluxgate_work_backlog") >= 0
    page = gateway.get("/metrics").text
    assert done not in page
    assert prompt not in page


def test_metrics_are_not_multiplied_by_what_callers_write(gateway: Gateway, caller: Caller) -> None:
    def series() -> int:
        return len(gateway.get("/metrics").text.splitlines())

    for number in range(3):
        caller.get(f"/fal-ai/x/requests/{number}/status")
        caller.get(f"/nowhere/{number}")
    before = series()
    for number in range(3, 40):
        caller.get(f"/fal-ai/x/requests/{number}/status")
        caller.get(f"/nowhere/{number}")
        caller.request(f"METHOD{number}", "/livez")
    assert series() <= before + 40


def test_log_lines_carry_the_ids_of_request_and_job(start_gateway: StartGateway, prompt: str) -> None:
    gateway = start_gateway(log_level="debug")
    caller = gateway.caller()
    answer = caller.submit(prompt, seed=1)
    job_id = answer.json()["request_id"]
    gateway.database.wait(job_id, "succeeded")
    moves = until(
        lambda: [line for line in gateway.process.events("job.moved") if line["state"] == "succeeded"]
    )
    assert moves[0]["job_id"] == job_id
    requests = gateway.process.events("request.answered")
    assert answer.headers["x-request-id"] in [line["request_id"] for line in requests]
    [first] = [line for line in gateway.process.events("job.moved") if line["state"] == "queued"]
    assert (first["job_id"], first["request_id"]) == (job_id, answer.headers["x-request-id"])


def test_the_openapi_page_is_there(gateway: Gateway) -> None:
    assert gateway.get("/docs").status_code == 200
    assert gateway.get("/openapi.json").json()["info"]["title"] == "Fluxgate"


def test_what_is_nowhere_is_a_problem_in_the_shape_of_its_family(gateway: Gateway) -> None:
    queue, api, openai = gateway.get("/fal-ai"), gateway.get("/api/nothing"), gateway.get("/v1/nothing")
    assert api.headers["content-type"] == "application/problem+json"
    assert (api.status_code, api.json()["status"], api.json()["error_type"]) == (404, 404, "not_found")
    assert (openai.status_code, openai.json()["error"]["code"]) == (404, "not_found")
    assert queue.status_code == 404


def test_a_fault_of_ours_is_told_in_the_shape_of_its_family(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    caller = gateway.caller()
    gateway.database.rows("ALTER TABLE usage_daily RENAME TO gone")
    answer = caller.get("/api/usage")
    assert (answer.status_code, answer.json()["error_type"]) == (500, "internal_error")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "usage_daily" not in answer.text
    assert gateway.process.events("request.failed"), gateway.process.log()
