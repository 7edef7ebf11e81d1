"""Uploaded pictures in the input of jobs: whose they may be, and how the upstream gets them."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.conftest import StartGateway, StartSimulator
from tests.support.caller import Caller
from tests.support.database import Database, under_way
from tests.support.gateway import Gateway, make_keys
from tests.support.pictures import carried, padded, picture
from tests.support.processes import FLUXGATE, running
from tests.support.simulator import Simulator
from tests.support.stores import Stores, settings_for
from tests.support.uploading import IMAGE_TO_IMAGE, MULTI, bring, stored
from tests.support.waiting import until

PNG = ("image/png", picture())
RED, BLUE = picture(colour=(255, 0, 0)), picture(colour=(0, 0, 255))


def page_of(gateway: Gateway, caller: Caller) -> Caller:
    """A client with a browser token of the caller's key."""
    return gateway.caller(caller.post("/api/tokens", json={}).json()["token"])


def refusal(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 422, answer.text
    detail = answer.json()["detail"]
    assert isinstance(detail, list)
    return detail


def expires_in(database: Database, file_url: str) -> float:
    statement = "SELECT extract(epoch FROM expires_at - now())::float8 FROM uploads WHERE id = $1"
    return float(database.value(statement, UUID(file_url.split("/")[-2])))


# Whose they may be


def test_another_teams_file_is_refused_and_nothing_is_recorded_or_sent(
    start_gateway: StartGateway, start_simulator: StartSimulator, prompt: str
) -> None:
    """Nobody else has jobs here, so every call to the upstream would be about these."""
    simulator = start_simulator()
    gateway = start_gateway(upstream=simulator)
    caller = gateway.caller()
    theirs = bring(gateway.caller())
    before, calls = gateway.database.count_jobs(), simulator.calls()
    [problem] = refusal(caller.submit(prompt, IMAGE_TO_IMAGE, image_url=theirs))
    assert problem == {
        "loc": ["body", "image_url"],
        "msg": "No upload of yours is at this address, or not any more; upload the picture again.",
        "type": "file_download_error",
        "input": theirs,
        "url": "https://docs.fal.ai/errors#file_download_error",
    }
    nobodys = theirs.replace(theirs.split("/")[-2], str(uuid4()))
    assert refusal(caller.submit(prompt, IMAGE_TO_IMAGE, image_url=nobodys)) == [problem | {"input": nobodys}]
    assert gateway.database.count_jobs() == before
    assert gateway.database.value("SELECT count(*) FROM job_uploads WHERE address = $1", theirs) == 0
    assert simulator.accepted(prompt) == []
    assert simulator.calls() == calls


def test_each_place_with_a_file_that_is_not_there_is_named(
    caller: Caller, gateway: Gateway, prompt: str
) -> None:
    mine, theirs = bring(caller), bring(gateway.caller())
    wrong = f"{gateway.address}/files/nonsense"
    problems = refusal(caller.submit(prompt, MULTI, image_urls=[mine, theirs, wrong], extra={"a": [theirs]}))
    assert [problem["loc"] for problem in problems] == [
        ["body", "image_urls", 1],
        ["body", "image_urls", 2],
        ["body", "extra", "a", 0],
    ]
    assert gateway.database.rows("SELECT * FROM job_uploads WHERE address = $1", mine) == []


def test_a_browser_tokens_files_are_its_own_and_its_teams_keys(
    gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    page, other = page_of(gateway, caller), page_of(gateway, caller)
    file_url, of_the_key = bring(page), bring(caller)
    assert httpx.get(file_url, trust_env=False, timeout=60).content == picture()
    for stranger, url in ((other, file_url), (page, of_the_key)):
        [problem] = refusal(stranger.submit(prompt, IMAGE_TO_IMAGE, image_url=url))
        assert problem["loc"] == ["body", "image_url"]
    assert simulator.accepted(prompt) == []
    page.wait(page.job(prompt, IMAGE_TO_IMAGE, image_url=file_url))
    assert carried(simulator.only(prompt)["body"]["image_url"]) == PNG
    caller.job(f"{prompt} by the key", IMAGE_TO_IMAGE, image_url=file_url)


def test_all_keys_of_a_team_share_its_files(gateway: Gateway, prompt: str) -> None:
    first, second = (gateway.caller(key) for key in make_keys(gateway.database, 2))
    second.job(prompt, IMAGE_TO_IMAGE, image_url=bring(first))


def test_a_sentence_that_begins_with_an_address_is_a_sentence(
    gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    words = f"{bring(gateway.caller())} {prompt}"
    caller.job(words)
    assert simulator.only(words)["body"] == {"prompt": words}


# How the upstream gets them


def test_several_pictures_go_along_each_in_its_place(
    caller: Caller, simulator: Simulator, prompt: str
) -> None:
    red, blue = bring(caller, RED), bring(caller, BLUE)
    elsewhere = f"https://v3.fal.media/files/{uuid4()}/cat.png"
    job_id = caller.job(prompt, MULTI, image_urls=[blue, elsewhere, red, blue])
    sent = simulator.only(prompt)["body"]["image_urls"]
    assert [carried(url)[1] for url in (sent[0], sent[2], sent[3])] == [BLUE, RED, BLUE]
    assert sent[1] == elsewhere
    shown = caller.get(f"/api/jobs/{job_id}").json()
    assert shown["input"]["image_urls"] == [blue, elsewhere, red, blue]


def test_the_upstream_fetches_them_where_it_can(
    start_gateway: StartGateway, start_simulator: StartSimulator, prompt: str
) -> None:
    upstream = start_simulator(fetch_images=True)
    gateway = start_gateway(upstream=upstream, uploads_upstream="url")
    caller = gateway.caller()
    file_url = bring(caller)
    job_id = caller.job(prompt, IMAGE_TO_IMAGE, image_url=file_url)
    caller.wait(job_id)
    assert caller.result(job_id).status_code == 200
    assert upstream.only(prompt)["body"]["image_url"] == file_url
    assert gateway.database.value("SELECT count(*) FROM job_uploads") == 0
    # It may be asked for until the job has ended.
    assert expires_in(gateway.database, file_url) > 86_400


def test_pictures_that_go_along_are_together_as_large_as_one_upload_at_most(
    start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    gateway = start_gateway(upload_limit_bytes="2000")
    caller = gateway.caller()
    large, small = bring(caller, padded(1500)), bring(caller, padded(500))
    answer = caller.submit(prompt, MULTI, image_urls=[large, small, small])
    assert (answer.status_code, answer.json()["error_type"]) == (413, "payload_too_large")
    assert (gateway.database.count_jobs(), simulator.accepted(prompt)) == (0, [])
    assert gateway.database.value("SELECT count(*) FROM job_uploads") == 0
    caller.job(prompt, MULTI, image_urls=[large, small])


def test_the_largest_picture_goes_along(
    start_simulator: StartSimulator, start_gateway: StartGateway, prompt: str
) -> None:
    upstream = start_simulator()
    caller = start_gateway(upstream=upstream).caller()
    job_id = caller.job(prompt, IMAGE_TO_IMAGE, image_url=bring(caller, padded(25_000_000)))
    assert upstream.only(prompt)["body"]["image_url"].startswith("data:image/png;base64,iVBORw0KGgo")
    caller.wait(job_id)
    assert caller.result(job_id).status_code == 200


def test_a_job_that_waited_for_the_upstream_takes_its_picture_along(
    start_simulator: StartSimulator, start_gateway: StartGateway, prompt: str
) -> None:
    upstream = start_simulator()
    gateway = start_gateway(upstream=upstream)
    caller = gateway.caller()
    file_url = bring(caller)
    upstream.process.kill()
    job_id = caller.job(prompt, IMAGE_TO_IMAGE, image_url=file_url)
    gateway.database.wait(job_id, "accepted")
    again = start_simulator(port=upstream.base_url.port)
    caller.wait(job_id)
    assert carried(again.only(prompt)["body"]["image_url"]) == PNG


def test_a_worker_that_knows_no_address_of_the_gateway_takes_it_along_too(
    start_simulator: StartSimulator, start_gateway: StartGateway, stores: Stores, prompt: str, tmp_path: Path
) -> None:
    upstream = start_simulator()
    gateway = start_gateway("--no-worker", upstream=upstream)
    caller = gateway.caller()
    upstream.process.kill()
    job_id = caller.job(prompt, IMAGE_TO_IMAGE, image_url=bring(caller))
    again = start_simulator(port=upstream.base_url.port)
    settings = settings_for(stores, gateway.database, upstream.address)
    with running(tmp_path, FLUXGATE, "worker", settings=settings):
        caller.wait(job_id)
    assert carried(again.only(prompt)["body"]["image_url"]) == PNG


def test_a_job_whose_picture_cannot_be_read_waits_and_is_sent_once(
    start_simulator: StartSimulator, start_gateway: StartGateway, prompt: str
) -> None:
    upstream = start_simulator()
    gateway = start_gateway(upstream=upstream, lease_seconds="9", upstream_timeout_seconds="6")
    caller = gateway.caller()
    file_url = bring(caller)
    upstream.process.kill()
    job_id = caller.job(prompt, IMAGE_TO_IMAGE, image_url=file_url)
    note = "SELECT count(*) FROM job_events WHERE note LIKE 'nothing was sent: the uploaded files%'"
    with under_way(gateway.database, "LOCK TABLE job_uploads IN ACCESS EXCLUSIVE MODE"):
        again = start_simulator(port=upstream.base_url.port)
        until(lambda: gateway.database.value(note))
        assert again.accepted(prompt) == []
    caller.wait(job_id)
    assert carried(again.only(prompt)["body"]["image_url"]) == PNG
    history = gateway.database.history(job_id)
    assert {*history[:-1]} >= {"submitting", "accepted"}
    assert "unknown" not in history


# How long they are kept


def test_a_file_is_kept_until_the_job_that_names_it_was_sent(
    start_gateway: StartGateway, prompt: str
) -> None:
    gateway = start_gateway(upload_ttl_seconds="60", accepted_patience_seconds="500")
    caller = gateway.caller()
    named, other = bring(caller), bring(caller)
    caller.job(prompt, IMAGE_TO_IMAGE, image_url=named)
    assert 440 < expires_in(gateway.database, named) < 530
    assert expires_in(gateway.database, other) < 60
    refusal(caller.submit(prompt, MULTI, image_urls=[other, f"{gateway.address}/files/{uuid4()}/a.png"]))
    assert expires_in(gateway.database, other) < 60


def test_a_file_past_its_time_is_not_there(start_gateway: StartGateway, prompt: str) -> None:
    gateway = start_gateway("--no-worker", upload_ttl_seconds="1")
    caller = gateway.caller()
    file_url = bring(caller)
    until(lambda: expires_in(gateway.database, file_url) < 0)
    [problem] = refusal(caller.submit(prompt, IMAGE_TO_IMAGE, image_url=file_url))
    assert problem["input"] == file_url
    assert stored(gateway.database) == 1


# The same picture is the same request


def test_the_same_picture_at_another_address_has_the_same_answer(caller: Caller, prompt: str) -> None:
    body = {"prompt": prompt, "seed": 7, "strength": 0.5}
    first = caller.post(IMAGE_TO_IMAGE, json={**body, "image_url": bring(caller, RED)})
    caller.wait(first.json()["request_id"])
    again = caller.post(IMAGE_TO_IMAGE, json={**body, "image_url": bring(caller, RED)})
    other = caller.post(IMAGE_TO_IMAGE, json={**body, "image_url": bring(caller, BLUE)})
    words = [answer.headers["x-fluxgate-cache"] for answer in (first, again, other)]
    assert words == ["MISS", "HIT", "MISS"]


def test_the_place_of_a_picture_matters(caller: Caller, prompt: str) -> None:
    red, blue = bring(caller, RED), bring(caller, BLUE)
    words = [
        caller.post(MULTI, json={"prompt": prompt, "seed": 7, "image_urls": urls}).headers["x-fluxgate-cache"]
        for urls in ([red, blue], [blue, red], [red], [red, blue])
    ]
    assert words[:3] == ["MISS"] * 3
    assert words[3] in ("JOINED", "HIT")


def test_a_repeat_that_uploads_again_is_the_same_job(
    caller: Caller, simulator: Simulator, prompt: str
) -> None:
    headers = {"idempotency-key": prompt}
    bodies = [{"prompt": prompt, "image_url": bring(caller, content)} for content in (RED, RED, BLUE)]
    first, again, other = (caller.post(IMAGE_TO_IMAGE, json=body, headers=headers) for body in bodies)
    assert first.json()["request_id"] == again.json()["request_id"]
    assert again.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["error_type"]) == (422, "idempotency_mismatch")
    assert carried(simulator.only(prompt)["body"]["image_url"])[1] == RED


def test_left_alone_the_gateway_chooses_by_its_address(
    start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    caller = start_gateway(public_url="https://gateway.example.com").caller()
    upload = caller.post("/files/upload", content=picture(), headers={"content-type": "image/png"})
    file_url = upload.json()["access_url"]
    assert file_url.startswith("https://gateway.example.com/files/")
    caller.job(prompt, IMAGE_TO_IMAGE, image_url=file_url)
    assert simulator.only(prompt)["body"]["image_url"] == file_url


def test_no_input_names_more_than_a_hundred(caller: Caller, simulator: Simulator, prompt: str) -> None:
    file_url = bring(caller)
    answer = caller.submit(prompt, MULTI, image_urls=[file_url] * 101)
    assert (answer.status_code, answer.json()["error_type"]) == (413, "payload_too_large")
    assert simulator.accepted(prompt) == []
    caller.job(prompt, MULTI, image_urls=[file_url] * 100)
