"""Pictures that callers bring: both clients' calls, the limits, and who may do what with which address."""

import httpx

from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.pictures import carried, picture
from tests.support.simulator import Simulator

IMAGE_TO_IMAGE = "/fal-ai/flux-1/dev/image-to-image"
INITIATE = "/storage/upload/initiate?storage_type=fal-cdn-v3"


def begin(caller: Caller, content_type: str = "image/png", name: object = "cat.png") -> httpx.Response:
    return caller.post(INITIATE, json={"content_type": content_type, "file_name": name})


def put(url: str, content: bytes, content_type: str = "image/png") -> httpx.Response:
    return httpx.put(url, content=content, headers={"content-type": content_type}, trust_env=False)


def bring(caller: Caller, content: bytes, content_type: str = "image/png") -> str:
    begun = begin(caller, content_type).raise_for_status().json()
    put(begun["upload_url"], content, content_type).raise_for_status()
    return str(begun["file_url"])


def test_a_picture_comes_in_as_the_javascript_client_brings_it(
    gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    begun = begin(caller).raise_for_status().json()
    assert sorted(begun) == ["file_url", "upload_url"]
    assert begun["file_url"].startswith(f"{gateway.address}/files/")
    assert begun["file_url"].endswith("/cat.png")
    assert httpx.get(begun["file_url"], trust_env=False).status_code == 404
    assert put(begun["upload_url"], picture()).status_code == 200
    fetched = httpx.get(begun["file_url"], trust_env=False)
    assert (fetched.status_code, fetched.content) == (200, picture())
    job_id = caller.job(prompt, IMAGE_TO_IMAGE, image_url=begun["file_url"])
    caller.wait(job_id)
    assert caller.result(job_id).status_code == 200
    assert carried(simulator.only(prompt)["body"]["image_url"]) == ("image/png", picture())
