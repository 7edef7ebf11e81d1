"""The calls by which fal's clients bring pictures, as they are on the wire."""

from typing import Any

import httpx

from app.callers.pepper import derived_key
from app.uploads.capability import CapabilitySigner
from tests.support.caller import Caller
from tests.support.database import Database
from tests.support.pictures import picture
from tests.support.stores import PEPPER

INITIATE = "/storage/upload/initiate?storage_type=fal-cdn-v3"
TOKEN = "/storage/auth/token?storage_type=fal-cdn-v3"
UPLOAD = "/files/upload"
IMAGE_TO_IMAGE = "/fal-ai/flux-1/dev/image-to-image"
MULTI = "/fal-ai/flux-pro/kontext/multi"

# Signs what a gateway of these tests takes for its own permission.
SIGNER = CapabilitySigner(derived_key(PEPPER.encode(), "uploads"))


def begin(caller: Caller, content_type: object = "image/png", name: object = "cat.png") -> httpx.Response:
    """The JavaScript client's first call."""
    return caller.post(INITIATE, json={"content_type": content_type, "file_name": name})


def begun(caller: Caller, content_type: str = "image/png", name: str = "cat.png") -> tuple[str, str]:
    """Where the file is to be put, and where it will be."""
    answer = begin(caller, content_type, name).raise_for_status().json()
    return answer["upload_url"], answer["file_url"]


def put(url: str, content: Any, content_type: str | None = "image/png") -> httpx.Response:
    """Its second call, which carries no credential; a generator goes in chunks, without a length."""
    headers = {} if content_type is None else {"content-type": content_type}
    return httpx.put(url, content=content, headers=headers, trust_env=False, timeout=60)


def fetch(url: str, method: str = "GET", **headers: str) -> httpx.Response:
    """What anybody gets who has the address, or a link."""
    return httpx.request(method, url, headers=headers, trust_env=False, timeout=60)


def bring(caller: Caller, content: bytes | None = None, content_type: str = "image/png") -> str:
    """Both calls; the picture's address."""
    upload_url, file_url = begun(caller, content_type)
    put(upload_url, picture() if content is None else content, content_type).raise_for_status()
    return file_url


def upload_token(caller: Caller) -> dict[str, Any]:
    """The Python client's first call."""
    answer = caller.post(TOKEN, json={}).raise_for_status().json()
    assert isinstance(answer, dict)
    return answer


def send(
    address: str, credential: str, content: Any, content_type: str = "image/png", **headers: str
) -> httpx.Response:
    """Its second call."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"authorization": credential, "content-type": content_type, **named}
    return httpx.post(f"{address}{UPLOAD}", content=content, headers=sent, trust_env=False, timeout=60)


def stored(database: Database) -> int:
    """How many files there are."""
    return int(database.value("SELECT count(*) FROM uploads"))
