"""The simulated upstream as a child process, driven over its socket."""

import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from PIL import Image

DEV = "/fal-ai/flux-1/dev"


class Simulator(httpx.Client):
    """A client of one simulator, with the calls that the tests repeat."""

    process: subprocess.Popen[bytes]

    def submit(self, prompt: str = "a cat", model: str = DEV, **fields: object) -> dict[str, Any]:
        answer = self.post(model, json={"prompt": prompt, **fields})
        assert answer.status_code == 200, answer.text
        return cast("dict[str, Any]", answer.json())

    def status(self, job: dict[str, Any], **params: Any) -> httpx.Response:
        return self.get(job["status_url"], params=params)

    def result(self, job: dict[str, Any]) -> httpx.Response:
        return self.get(job["response_url"])

    def state(self, job: dict[str, Any]) -> str:
        return str(self.status(job).json()["status"])

    def wait(self, job: dict[str, Any], state: str = "COMPLETED") -> None:
        deadline = time.monotonic() + 60
        while self.state(job) != state:
            assert time.monotonic() < deadline, f"never {state}"
            time.sleep(0.02)

    def finish(self, prompt: str = "a cat", model: str = DEV, **fields: object) -> httpx.Response:
        job = self.submit(prompt, model, **fields)
        self.wait(job)
        return self.result(job)

    def inside(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.get("/_simulator/accepted").json())


@contextmanager
def simulate(*options: str, **extra: Any) -> Iterator[Simulator]:
    command = [sys.executable, "-m", "app.simulator", *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            port = json.loads(process.stdout.readline())["port"]
            with Simulator(
                base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60, **extra
            ) as client:
                client.process = process
                yield client
        finally:
            process.terminate()
            process.wait(timeout=60)


@pytest.fixture(scope="module")
def fast() -> Iterator[Simulator]:
    with simulate("--run-seconds", "0.05") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def narrow() -> Iterator[Simulator]:
    with simulate("--run-seconds", "30", "--concurrency", "1") as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def _fresh(request: pytest.FixtureRequest) -> None:
    for name in ("fast", "narrow"):
        if name in request.fixturenames:
            assert request.getfixturevalue(name).post("/_simulator/reset").status_code == 204


def test_submit_answers_the_eight_fields(fast: Simulator) -> None:
    answer = fast.post(DEV, json={"prompt": "a cat"}, headers={"Authorization": "Key anything"})
    job = answer.json()
    base = f"{str(fast.base_url).rstrip('/')}/fal-ai/flux-1/requests/{job['request_id']}"
    assert job == {
        "status": "IN_QUEUE",
        "request_id": answer.headers["x-fal-request-id"],
        "response_url": base,
        "status_url": f"{base}/status",
        "cancel_url": f"{base}/cancel",
        "logs": None,
        "metrics": {},
        "queue_position": 0,
    }


def test_queue_moves_up_as_jobs_complete_and_are_cancelled(narrow: Simulator) -> None:
    first = narrow.submit("[slow 6]")
    second, third, fourth = (narrow.submit() for _ in range(3))
    assert [job["queue_position"] for job in (first, second, third, fourth)] == [0, 0, 1, 2]
    assert narrow.status(fourth).json()["queue_position"] == 2
    assert narrow.put(third["cancel_url"]).json() == {"status": "OK"}
    assert narrow.status(fourth).json()["queue_position"] == 1
    narrow.wait(first)
    assert narrow.state(second) == "IN_PROGRESS"
    assert narrow.status(fourth).json()["queue_position"] == 0
    assert narrow.put(second["cancel_url"]).status_code == 202
    assert narrow.state(fourth) == "IN_PROGRESS"


def test_status_is_202_with_logs_on_request_until_it_is_200(fast: Simulator) -> None:
    job = fast.submit("[slow 6]", num_inference_steps=40)
    running = fast.status(job)
    assert running.status_code == 202
    assert running.json()["status"] == "IN_PROGRESS"
    assert running.json()["logs"] is None
    early = fast.status(job, logs="1").json()["logs"]
    fast.wait(job)
    done = fast.status(job, logs="true")
    assert done.status_code == 200
    assert done.json()["metrics"] == {"inference_time": 6.0}
    messages = [line["message"] for line in done.json()["logs"]]
    assert messages == [f"Loading {DEV[1:]}", *(f"{steps}/40 steps" for steps in (10, 20, 30, 40))]
    assert len(early) < len(messages)
    assert {line["source"] for line in early} == {"USER"}


def test_result_is_refused_until_it_is_there(fast: Simulator) -> None:
    job = fast.submit("[slow 6]", seed=196619188014358660, num_images=2)
    early = fast.result(job)
    assert early.status_code == 400
    assert early.json() == {"detail": "Request is still in progress"}
    fast.wait(job)
    answer = fast.result(job)
    assert answer.headers["x-fal-billable-units"] == "1.572864"
    assert answer.headers["x-fal-request-id"] == job["request_id"]
    body = answer.json()
    assert body["seed"] == 196619188014358660
    assert body["has_nsfw_concepts"] == [False, False]
    assert body["prompt"] == "[slow 6]"
    assert [image["file_name"] for image in body["images"]] == ["0.jpeg", "1.jpeg"]
    assert {(image["width"], image["height"]) for image in body["images"]} == {(1024, 768)}


@pytest.mark.parametrize("path", ["fal-ai/flux-1/dev/requests/{}", "fal-ai/flux-1/requests/{}/response"])
def test_result_has_other_addresses(fast: Simulator, path: str) -> None:
    job = fast.submit()
    fast.wait(job)
    assert fast.get(path.format(job["request_id"])).json() == fast.result(job).json()
    assert fast.get(f"/fal-ai/other/requests/{job['request_id']}").status_code == 404


def test_cancel_answers_in_its_four_ways(narrow: Simulator) -> None:
    running, waiting, quick = narrow.submit(), narrow.submit(), narrow.submit("[slow 0]")
    assert narrow.put(waiting["cancel_url"]).json() == {"status": "OK"}
    stopped = narrow.put(running["cancel_url"])
    assert (stopped.status_code, stopped.json()) == (202, {"status": "CANCELLATION_REQUESTED"})
    narrow.wait(quick)
    for job in (quick, running):
        late = narrow.put(job["cancel_url"])
        assert (late.status_code, late.json()) == (400, {"status": "ALREADY_COMPLETED"})
    unknown = narrow.put("/fal-ai/flux-1/requests/nobody/cancel")
    assert (unknown.status_code, unknown.json()) == (404, {"status": "NOT_FOUND"})
    for job in (running, waiting):
        status = narrow.status(job)
        assert status.status_code == 200
        assert status.json()["error_type"] == "client_cancelled"
        result = narrow.result(job)
        assert result.status_code == 499
        assert result.headers["x-fal-error-type"] == result.json()["error_type"] == "client_cancelled"


def test_stubborn_job_completes_in_spite_of_its_cancellation(fast: Simulator) -> None:
    job = fast.submit("[slow 6] [stubborn]")
    assert fast.put(job["cancel_url"]).status_code == 202
    fast.wait(job)
    assert fast.result(job).status_code == 200


def test_stream_sends_each_change_and_ends(narrow: Simulator) -> None:
    running, job = narrow.submit(), narrow.submit()
    # A change that comes by itself might be over before anybody looks.
    causes = {"IN_QUEUE": running, "IN_PROGRESS": job}
    states = []
    with narrow.stream("GET", job["status_url"] + "/stream", params={"logs": "0"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in (line for line in answer.iter_lines() if line.startswith("data: ")):
            states.append(json.loads(line.removeprefix("data: "))["status"])
            if states[-1] in causes:
                assert narrow.put(causes.pop(states[-1])["cancel_url"]).status_code == 202
    assert states == ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]


@pytest.mark.parametrize(
    ("fields", "loc", "kind"),
    [
        ({}, ["body", "prompt"], "missing"),
        ({"prompt": 7}, ["body", "prompt"], "string_type"),
        ({"prompt": "x", "num_images": 5}, ["body", "num_images"], "less_than_equal"),
        ({"prompt": "x", "num_images": 0}, ["body", "num_images"], "greater_than_equal"),
        ({"prompt": "x", "num_inference_steps": 0}, ["body", "num_inference_steps"], "greater_than_equal"),
        ({"prompt": "x", "num_inference_steps": "many"}, ["body", "num_inference_steps"], "int_parsing"),
        ({"prompt": "x", "output_format": "JPEG"}, ["body", "output_format"], "literal_error"),
        ({"prompt": "x", "image_size": "3:4"}, ["body", "image_size"], "literal_error"),
        (
            {"prompt": "x", "image_size": {"width": 0}},
            ["body", "image_size", "Size", "width"],
            "greater_than",
        ),
        ([], ["body"], "dict_type"),
    ],
)
def test_wrong_input_is_refused_field_by_field(
    fast: Simulator, fields: Any, loc: list[str], kind: str
) -> None:
    answer = fast.post(DEV, json=fields)
    assert answer.status_code == 422
    found = [problem for problem in answer.json()["detail"] if problem["loc"][: len(loc)] == loc]
    assert kind in {problem["type"] for problem in found}
    assert {"loc", "msg", "type", "input", "url"} <= found[0].keys()
    assert fast.inside()["accepted"] == []


def test_unreadable_body_is_refused(fast: Simulator) -> None:
    answer = fast.post(DEV, content=b'{"prompt": "a')
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["type"] == "json_invalid"


def test_unknown_fields_and_unknown_models_are_taken(fast: Simulator) -> None:
    assert fast.finish(whatever={"a": 1}).status_code == 200
    assert fast.finish(model="/fal-ai/nano-banana").status_code == 200
    job = fast.submit(model="/workflows/somebody/thing/deep")
    assert "/workflows/somebody/thing/requests/" in job["status_url"]
    assert fast.status(job).status_code in (200, 202)


@pytest.mark.parametrize(
    ("model", "needs", "size"),
    [
        ("/fal-ai/flux-1/dev/image-to-image", {"image_url": "http://x/a.png"}, (1024, 768)),
        ("/fal-ai/flux-1/dev/redux", {"image_url": "http://x/a.png", "image_size": "square"}, (512, 512)),
        ("/fal-ai/flux-pro/kontext", {"image_url": "http://x/a.png", "aspect_ratio": "9:16"}, (752, 1392)),
        ("/fal-ai/flux-pro/kontext/max/multi", {"image_urls": ["http://x/a.png"]}, (1024, 1024)),
        ("/fal-ai/flux-pro/v1.1-ultra", {"aspect_ratio": "1:1"}, (2048, 2048)),
    ],
)
def test_models_differ_in_what_they_need(
    fast: Simulator, model: str, needs: dict[str, Any], size: tuple[int, int]
) -> None:
    if names := {"image_url", "image_urls"} & needs.keys():
        problem = fast.post(model, json={"prompt": "x"}).json()["detail"][0]
        assert (problem["type"], problem["loc"]) == ("missing", ["body", *names])
    image = fast.finish(model=model, **needs).json()["images"][0]
    assert (image["width"], image["height"]) == size


@pytest.mark.parametrize(
    ("status", "name"), [(500, "runner_server_error"), (503, "runner_disconnected"), (504, "request_timeout")]
)
def test_failed_job_completes_and_its_result_is_the_failure(fast: Simulator, status: int, name: str) -> None:
    job = fast.submit(f"a cat [fail {status}]")
    fast.wait(job)
    seen = fast.status(job).json()
    answer = fast.result(job)
    assert answer.status_code == status
    assert answer.json() == {"detail": seen["error"], "error_type": name}
    assert answer.headers["x-fal-error-type"] == seen["error_type"] == name
    assert "x-fal-billable-units" not in answer.headers


def test_refused_prompt_fails_with_a_list(fast: Simulator) -> None:
    answer = fast.finish("[fail 422]")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["type"] == "content_policy_violation"
    assert "x-fal-billable-units" not in answer.headers
    assert fast.finish("[fail 422 billed]").headers["x-fal-billable-units"] == "0.786432"


@pytest.mark.parametrize("status", [401, 402, 429, 500, 503])
def test_refused_submit_accepts_nothing(fast: Simulator, status: int) -> None:
    answer = fast.post(DEV, json={"prompt": f"[submit {status} retry-after=2]"})
    assert answer.status_code == status
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["x-fal-request-id"]
    assert {"detail", "error_type"} == answer.json().keys()
    assert fast.inside()["accepted"] == []


def test_submit_may_be_accepted_without_saying_so(fast: Simulator) -> None:
    assert fast.post(DEV, json={"prompt": "1 [submit 500 accepted]"}).status_code == 500
    assert "<html>" in fast.post(DEV, json={"prompt": "2 [submit garbage]"}).text
    with pytest.raises(httpx.RemoteProtocolError):
        fast.post(DEV, json={"prompt": "3 [submit reset]"})
    with pytest.raises(httpx.ReadTimeout):
        fast.post(DEV, json={"prompt": "4 [submit hang 60]"}, timeout=2)
    assert [job["body"]["prompt"][0] for job in fast.inside()["accepted"]] == ["1", "2", "3", "4"]


def test_troubles_pass_after_their_times(fast: Simulator) -> None:
    assert fast.post(DEV, json={"prompt": "[submit 503 1] [status 500 2] [result 503 2]"}).status_code == 503
    job = fast.submit("[submit 503 1] [status 500 2] [result 503 2]")
    assert [fast.status(job).status_code for _ in range(2)] == [500, 500]
    fast.wait(job)
    assert [fast.result(job).status_code for _ in range(3)] == [503, 503, 200]
    other = fast.submit("[submit 503 1] [status 500 2] [result 503 2]")
    assert fast.status(other).status_code == 500


def test_lost_job_is_unknown_after_its_acceptance(fast: Simulator) -> None:
    job = fast.submit("[lost]")
    for answer in (fast.status(job), fast.result(job), fast.put(job["cancel_url"])):
        assert (answer.status_code, answer.json()) == (404, {"status": "NOT_FOUND"})
    assert len(fast.inside()["accepted"]) == 1


def test_job_can_be_slow_held_and_huge(fast: Simulator) -> None:
    held = fast.submit("[queue 6]")
    assert fast.status(held).json() == {**fast.status(held).json(), "status": "IN_QUEUE", "queue_position": 0}
    fast.wait(held)
    assert len(fast.finish("[huge 2]").content) > 2_000_000


def test_words_that_are_no_directives_are_part_of_the_prompt(fast: Simulator) -> None:
    prompt = (
        "a [cat] [] [ ] [fail] [fail 201] [slow x] [submit] [submit 9] [[status 500 [result hangs] [fail "
        + "9" * 5000
        + "]"
    )
    job = fast.submit(prompt)
    fast.wait(job)
    assert fast.result(job).json()["prompt"] == prompt


def picture(simulator: Simulator, **fields: object) -> bytes:
    answer = simulator.get(simulator.finish(**fields).json()["images"][0]["url"])  # type: ignore[arg-type] # keywords pass
    assert answer.status_code == 200
    return answer.content


@pytest.mark.parametrize(
    ("fields", "size", "image_format"),
    [
        ({}, (1024, 768), "JPEG"),
        ({"image_size": "portrait_16_9", "output_format": "png"}, (576, 1024), "PNG"),
        ({"image_size": {"width": 301, "height": 97}}, (301, 97), "JPEG"),
        ({"image_size": {"width": 1, "height": 1}, "output_format": "png"}, (1, 1), "PNG"),
    ],
)
def test_picture_has_the_asked_size_and_format(
    fast: Simulator, fields: dict[str, Any], size: tuple[int, int], image_format: str
) -> None:
    with Image.open(io.BytesIO(picture(fast, **fields))) as image:
        image.load()
        assert (image.size, image.format) == (size, image_format)


def sky(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        return image.crop((0, 0, image.width, image.height // 3)).tobytes()


def test_picture_follows_from_prompt_and_seed(fast: Simulator) -> None:
    small = {"image_size": "square", "output_format": "png"}
    first = picture(fast, seed=1, **small)
    assert picture(fast, seed=1, **small) == first
    assert sky(picture(fast, seed=2, **small)) != sky(first)
    assert picture(fast, seed=1, prompt="a dog", **small) != first
    images = fast.finish(seed=1, num_images=2, **small).json()["images"]
    assert fast.get(images[0]["url"]).content == first
    assert fast.get(images[1]["url"]).content != first


def test_picture_carries_its_prompt_in_light_letters(fast: Simulator) -> None:
    with Image.open(io.BytesIO(picture(fast, prompt="HELLO " * 12, output_format="png"))) as image:
        foot = image.convert("L").crop((0, image.height * 3 // 4, image.width, image.height))
    histogram = foot.histogram()
    assert sum(histogram[250:]) > 2000, "white letters"
    assert sum(histogram[:60]) > foot.width * foot.height / 2, "on a dark ground"


def test_picture_is_missing_before_the_end_and_after_a_failure(fast: Simulator) -> None:
    early = fast.submit("[slow 30]")
    assert fast.get(f"/files/{early['request_id']}/0.jpeg").status_code == 404
    failed = fast.submit("[fail 500]")
    fast.wait(failed)
    assert fast.get(f"/files/{failed['request_id']}/0.jpeg").status_code == 404
    fine = fast.submit()
    fast.wait(fine)
    assert fast.get(f"/files/{fine['request_id']}/0.png").headers["content-type"] == "image/png"
    assert fast.get(f"/files/{fine['request_id']}/1.jpeg").status_code == 404
    assert fast.get(f"/files/{fine['request_id']}/0.gif").status_code == 404


def test_sync_mode_answers_with_the_picture_itself(fast: Simulator) -> None:
    url = fast.finish(sync_mode=True, image_size="square").json()["images"][0]["url"]
    head, _, text = url.partition(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        assert image.size == (512, 512)


def test_flagged_picture_is_black_while_the_checker_is_on(fast: Simulator) -> None:
    answer = fast.finish("[nsfw]")
    assert answer.json()["has_nsfw_concepts"] == [True]
    with Image.open(io.BytesIO(fast.get(answer.json()["images"][0]["url"]).content)) as image:
        assert image.convert("L").getextrema() == (0, 0)
    with Image.open(io.BytesIO(picture(fast, prompt="[nsfw]", enable_safety_checker=False))) as image:
        assert image.convert("L").getextrema() != (0, 0)


def test_inside_tells_every_acceptance_and_every_call(fast: Simulator) -> None:
    headers = {"Authorization": "Key secret", "X-Fal-Queue-Priority": "low"}
    fast.post(f"{DEV}?fal_webhook=http%3A%2F%2Fx%2F", json={"prompt": "a cat", "extra": 1}, headers=headers)
    inside = fast.inside()
    job = inside["accepted"][0]
    assert job["path"] == f"{DEV}?fal_webhook=http%3A%2F%2Fx%2F"
    assert job["body"] == {"prompt": "a cat", "extra": 1}
    assert job["headers"]["x-fal-queue-priority"] == "low"
    assert "secret" not in json.dumps(inside)
    fast.get(f"/fal-ai/flux-1/requests/{job['id']}")
    fast.get(f"/fal-ai/flux-1/requests/{job['id']}/status")
    fast.get("/fal-ai/flux-1/requests/nobody/status")
    inside = fast.inside()
    assert inside["counts"] == {"submit": 1, "result": 1, "status": 2}
    assert inside["accepted"][0]["counts"] == {"submit": 1, "result": 1, "status": 1}


def test_page_of_help_names_the_directives(fast: Simulator) -> None:
    page = fast.get("/")
    assert page.headers["content-type"].startswith("text/plain")
    assert "[fail 500]" in page.text


def test_key_is_asked_for_in_both_schemes() -> None:
    with simulate("--key", "s3cret", "--run-seconds", "0") as simulator:
        for wrong in ({}, {"Authorization": "Key other"}, {"Authorization": "Basic s3cret"}):
            answer = simulator.post(DEV, json={"prompt": "x"}, headers=wrong)
            assert answer.status_code == 401
            assert isinstance(answer.json()["detail"], str)
        assert simulator.inside()["accepted"] == []
        for scheme in ("Key", "Bearer", "key"):
            simulator.headers["Authorization"] = f"{scheme} s3cret"
            job = simulator.submit()
            image = simulator.result(job).json()["images"][0]
        del simulator.headers["Authorization"]
        assert simulator.status(job).status_code == 401
        assert simulator.get(image["url"]).status_code == 200


def test_quickrouter_profile_has_neither_status_nor_cancel() -> None:
    with simulate("--profile", "quickrouter", "--run-seconds", "6", "--key", "k") as simulator:
        refused = simulator.post(DEV, json={"prompt": "x"})
        assert refused.status_code == 401
        assert refused.json()["error"]["type"] == "new_api_error"
        simulator.headers["Authorization"] = "Bearer k"
        job = simulator.submit()
        assert job["response_url"] == f"https://queue.fal.run/fal-ai/flux-1/requests/{job['request_id']}"
        path = f"/fal-ai/auto/requests/{job['request_id']}"
        own = path.replace("auto", "flux-1")
        assert simulator.get(path).json() == {"detail": "Request is still in progress"}
        for method, rest in (("GET", "/status"), ("GET", "/status/stream"), ("PUT", "/cancel")):
            assert simulator.request(method, own + rest).status_code == 404
        deadline = time.monotonic() + 60
        while (answer := simulator.get(path)).status_code == 400:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert answer.json() == simulator.get(own).json()
        image = answer.json()["images"][0]["url"]
        assert simulator.get(image).status_code == 200


def test_journal_survives_the_death_of_the_process(tmp_path: Path) -> None:
    journal = tmp_path / "deep" / "journal.jsonl"
    options = ("--journal", str(journal), "--run-seconds", "0.2", "--concurrency", "2")
    with simulate(*options) as simulator:
        simulator.submit("forgotten")
        simulator.post("/_simulator/reset")
        jobs = [simulator.submit(words) for words in ("cat 0", "cat 1", "cat 2 [slow 60]")]
        simulator.put(jobs[2]["cancel_url"])
        simulator.wait(jobs[0])
        body = simulator.result(jobs[0]).json()
        drawn = simulator.get(body["images"][0]["url"]).content
        simulator.process.kill()
    with journal.open("ab") as file:
        file.write(b'{"event":"accepted","id":"torn')
    with simulate(*options) as simulator:
        accepted = simulator.inside()["accepted"]
        assert [job["id"] for job in accepted] == [job["request_id"] for job in jobs]
        assert [job["cancelled"] for job in accepted] == [False, False, True]
        again = simulator.get(f"/fal-ai/flux-1/requests/{jobs[0]['request_id']}").json()
        assert (again["seed"], again["timings"]) == (body["seed"], body["timings"])
        assert simulator.get(f"/files/{jobs[0]['request_id']}/0.jpeg").content == drawn
        assert simulator.get(f"/fal-ai/flux-1/requests/{jobs[2]['request_id']}").status_code == 499
        simulator.submit("one more")
    lines = [json.loads(line) for line in journal.read_bytes().splitlines()]
    assert [line["event"] for line in lines] == [
        "accepted",
        "reset",
        *["accepted"] * 3,
        "cancelled",
        "accepted",
    ]


def test_child_says_one_line_and_stops_when_told() -> None:
    with simulate("--run-seconds", "0") as simulator:
        simulator.submit()
        simulator.process.send_signal(signal.SIGTERM)
        stdout, stderr = simulator.process.communicate(timeout=60)
        assert (simulator.process.returncode, stdout, stderr) == (0, b"", b"")


def test_child_follows_its_parent_only_when_asked() -> None:
    with simulate("--exit-with-parent") as following, simulate() as staying:
        for simulator in (following, staying):
            assert simulator.process.stdin is not None
            simulator.process.stdin.close()
        assert following.process.wait(timeout=60) == 0
        assert staying.get("/").status_code == 200


def test_taken_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "app.simulator", "--port", str(taken.getsockname()[1])]
        answer = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert answer.returncode == 1
    assert answer.stdout == b""


def test_thousands_of_jobs_are_no_burden() -> None:
    with simulate("--run-seconds", "600", "--concurrency", "4") as simulator:
        jobs = [simulator.submit(f"cat {number}") for number in range(2000)]
        assert simulator.status(jobs[-1]).json()["queue_position"] == 1995
        before = cpu_seconds(simulator.process.pid)
        for job in jobs[-200:]:
            simulator.status(job)
        assert cpu_seconds(simulator.process.pid) - before < 5


def cpu_seconds(pid: int) -> float:
    """What a process has worked so far, however long it had to wait for a core."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
