"""Results of teams that want it name the vault's links; those of all others are the model's to the byte."""

from typing import Any

import httpx

from tests.conftest import StartGateway
from tests.support.caller import DEV, Caller
from tests.support.gateway import Gateway
from tests.support.receiver import receiving
from tests.support.simulator import Simulator
from tests.support.uploading import fetch
from tests.support.vault import SMALL, made, until_all, wants
from tests.support.waiting import until
from tests.support.webhooks import ALLOWING, job_with, told

ALSO: dict[str, Any] = {"image_size": SMALL}


def url_in(answer: Any) -> str:
    [image] = answer["images"]
    return str(image["url"])


def test_each_route_names_our_links(start_gateway: StartGateway, simulator: Simulator, prompt: str) -> None:
    gateway = start_gateway(**ALLOWING)
    caller = gateway.caller()
    wants(gateway.database, caller, rewrites_urls=True)
    waited = caller.post(DEV, json={"prompt": prompt, "seed": 1, **ALSO}, headers={"prefer": "wait=50"})
    job_id = waited.headers["x-fal-request-id"]
    ours = f"{gateway.address}/vault/{job_id}/0?"
    given_again = caller.result(caller.job(prompt, seed=1, **ALSO))
    assert given_again.headers["x-fluxgate-cache"] == "HIT"
    for answer in (waited, caller.result(job_id), given_again):
        assert url_in(answer.json()).startswith(ours)
        assert int(answer.headers["content-length"]) == len(answer.content)
    theirs = simulator.result_of(simulator.only(prompt)["id"])
    there, here = url_in(theirs.json()).encode(), url_in(given_again.json()).encode()
    assert given_again.content == theirs.content.replace(there, here)
    run = caller.post(f"/run{DEV}", json={"prompt": prompt, **ALSO})
    assert url_in(run.json()).startswith(f"{gateway.address}/vault/{run.headers['x-fal-request-id']}/0?")
    openai = caller.post("/v1/images/generations", json={"model": DEV[1:], "prompt": prompt})
    assert openai.json()["data"][0]["url"].startswith(f"{gateway.address}/vault/")
    with receiving() as receiver:
        told_id = job_with(caller, receiver.address, prompt, **ALSO)
        letter = told(until(lambda: receiver.requests)[0])
        assert url_in(letter["payload"]).startswith(f"{gateway.address}/vault/{told_id}/0?")
    until_all(caller, job_id, "kept")
    assert fetch(here.decode()).content == httpx.get(there.decode(), trust_env=False, timeout=60).content


def test_a_link_is_good_before_a_copy_is_there(gateway: Gateway, caller: Caller, prompt: str) -> None:
    wants(gateway.database, caller, rewrites_urls=True, keeps_images=False)
    answer = fetch(url_in(caller.result(made(caller, prompt)).json()))
    assert answer.status_code == 307
    assert httpx.get(answer.headers["location"], trust_env=False, timeout=60).status_code == 200


def test_all_others_get_the_models_bytes(
    gateway: Gateway, simulator: Simulator, caller: Caller, prompt: str
) -> None:
    wants(gateway.database, caller)
    job_id = made(caller, prompt)
    assert caller.result(job_id).content == simulator.result_of(simulator.only(prompt)["id"]).content


def test_a_failure_stays_as_it_is(
    gateway: Gateway, simulator: Simulator, caller: Caller, prompt: str
) -> None:
    wants(gateway.database, caller, rewrites_urls=True)
    words = f"{prompt} [fail 422]"
    assert (
        caller.result(made(caller, words)).content == simulator.result_of(simulator.only(words)["id"]).content
    )
