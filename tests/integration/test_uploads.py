"""Pictures that callers bring: both clients' calls, the limits, and what opens which address."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from app.uploads.capability import AwaitedFile, Capability, CapabilitySigner
from tests.conftest import StartGateway
from tests.support.accounts import Account
from tests.support.caller import Caller
from tests.support.database import under_way
from tests.support.gateway import Gateway, make_keys
from tests.support.pictures import FORMATS, carried, padded, picture
from tests.support.simulator import Simulator
from tests.support.uploading import (
    IMAGE_TO_IMAGE,
    INITIATE,
    SIGNER,
    TOKEN,
    UPLOAD,
    begin,
    begun,
    bring,
    fetch,
    put,
    send,
    stored,
    upload_token,
)
from tests.support.waiting import until, until_over
from tests.support.wire import connect, exchange

NO_FILE = "7ef06ae3-0613-470c-8861-4e384efa880c"
LIMIT = 2000
LIMITS = {
    "upload_limit_bytes": str(LIMIT),
    "upload_team_limit_bytes": "5000",
    "upload_token_limit_bytes": "2500",
}
# A key is believed for five seconds; the rest is the test's own time.
DEAD_SECONDS = 8


@pytest.fixture
def small(start_gateway: StartGateway) -> Gateway:
    """A gateway that takes 2,000 bytes at once, 5,000 from each team, and 2,500 from each browser token."""
    return start_gateway(**LIMITS)


def in_chunks(content: bytes, size: int = 300) -> Iterator[bytes]:
    yield from (content[at : at + size] for at in range(0, len(content), size))


def assert_refused(answer: httpx.Response, status: int, error_type: str) -> None:
    """Refused in fal's shape, with what its clients look for."""
    assert (answer.status_code, answer.json()["error_type"]) == (status, error_type), answer.text
    assert isinstance(answer.json()["detail"], str)
    assert answer.headers["x-fal-error-type"] == error_type
    assert answer.headers["x-fal-request-id"]
    assert answer.headers["cache-control"] == "no-store"


# As the clients do it


def test_a_picture_comes_in_as_the_javascript_client_brings_it(
    gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    answer = begin(caller)
    assert sorted(answer.json()) == ["file_url", "upload_url"]
    upload_url, file_url = answer.json()["upload_url"], answer.json()["file_url"]
    assert file_url.startswith(f"{gateway.address}/files/")
    assert file_url.endswith("/cat.png")
    assert upload_url.startswith(f"{gateway.address}/storage/upload/")
    assert fetch(file_url).status_code == 404
    taken = put(upload_url, picture())
    assert (taken.status_code, taken.headers["content-type"]) == (200, "application/json")
    assert (fetch(file_url).status_code, fetch(file_url).content) == (200, picture())
    job_id = caller.job(prompt, IMAGE_TO_IMAGE, image_url=file_url)
    caller.wait(job_id)
    assert caller.result(job_id).status_code == 200
    assert carried(simulator.only(prompt)["body"]["image_url"]) == ("image/png", picture())


def test_a_picture_comes_in_as_the_python_client_brings_it(
    gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    token = upload_token(caller)
    assert sorted(token) == ["base_url", "expires_at", "token", "token_type"]
    assert (token["token_type"], token["base_url"]) == ("Bearer", gateway.address)
    left = datetime.fromisoformat(token["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=8) < left < timedelta(minutes=10)
    for name in ("one.jpeg", "two.jpeg"):
        answer = send(
            gateway.address, f"Bearer {token['token']}", picture("JPEG"), "image/jpeg", x_fal_file_name=name
        )
        assert sorted(answer.json()) == ["access_url"]
        assert answer.json()["access_url"].endswith(f"/{name}")
    job_id = caller.job(prompt, IMAGE_TO_IMAGE, image_url=answer.json()["access_url"])
    caller.wait(job_id)
    assert carried(simulator.only(prompt)["body"]["image_url"]) == ("image/jpeg", picture("JPEG"))


def test_a_picture_comes_in_by_the_python_clients_second_way(caller: Caller) -> None:
    answer = caller.post(
        "/storage/upload/initiate?storage_type=gcs",
        json={"file_name": "upload.bin", "content_type": "image/png"},
        headers={"x-fal-object-lifecycle": '{"expiration_duration_seconds": 3600}'},
    )
    assert put(answer.json()["upload_url"], picture()).status_code == 200
    assert fetch(answer.json()["file_url"]).content == picture()


@pytest.mark.parametrize("scheme", ["Key", "Bearer"])
def test_a_key_alone_brings_a_picture_too(gateway: Gateway, caller: Caller, scheme: str) -> None:
    answer = send(gateway.address, f"{scheme} {caller.key}", picture())
    assert fetch(answer.json()["access_url"]).content == picture()
    assert answer.json()["access_url"].endswith("/picture.png")


def test_a_picture_comes_in_through_the_proxy_route(gateway: Gateway, caller: Caller) -> None:
    answer = caller.post(
        "/api/fal/proxy",
        json={"content_type": "image/png", "file_name": "cat.png"},
        headers={"x-fal-target-url": f"https://rest.fal.ai{INITIATE}"},
    )
    assert answer.json()["upload_url"].startswith(gateway.address)
    assert put(answer.json()["upload_url"], picture()).status_code == 200
    assert fetch(answer.json()["file_url"]).content == picture()


@pytest.mark.parametrize("image_format", FORMATS)
def test_each_kind_of_picture_comes_out_as_it_came_in(caller: Caller, image_format: str) -> None:
    content_type = f"image/{image_format.lower()}"
    url = bring(caller, picture(image_format), content_type)
    answer = fetch(url)
    assert (answer.content, answer.headers["content-type"]) == (picture(image_format), content_type)


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ('{"expiration_duration_seconds": 60, "initial_acl": {"default": "forbid"}}', 60),
        ('{"expiration_duration_seconds": 31536000}', 86_400),
        ('{"expiration_duration_seconds": 0}', 86_400),
        ('{"expiration_duration_seconds": true}', 86_400),
        ('{"expiration_duration_seconds": "60"}', 86_400),
        ("[60]", 86_400),
        ("{", 86_400),
    ],
)
def test_a_client_may_want_a_shorter_life_for_its_file(
    gateway: Gateway, caller: Caller, wish: str, seconds: int
) -> None:
    headers = {"x-fal-object-lifecycle": wish}
    begun_here = caller.post(INITIATE, json={"content_type": "image/png"}, headers=headers).json()
    put(begun_here["upload_url"], picture()).raise_for_status()
    sent = send(gateway.address, f"Key {caller.key}", picture(), x_fal_object_lifecycle=wish).json()
    for url in (begun_here["file_url"], sent["access_url"]):
        statement = "SELECT expires_at - created_at AS life FROM uploads WHERE id = $1"
        assert gateway.database.value(statement, UUID(url.split("/")[-2])).total_seconds() == seconds


def test_two_gateways_on_one_database_are_one_store(
    start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    here, there = (start_gateway(public_url="http://gateway.example:8000") for _ in range(2))
    [key] = make_keys(here.database, 1)
    upload_url, file_url = begun(here.caller(key))
    assert put(upload_url.replace("http://gateway.example:8000", there.address), picture()).is_success
    assert fetch(file_url.replace("http://gateway.example:8000", here.address)).content == picture()
    caller = there.caller(key)
    caller.wait(caller.job(prompt, IMAGE_TO_IMAGE, image_url=file_url))
    assert carried(simulator.only(prompt)["body"]["image_url"]) == ("image/png", picture())


# What is shown


def test_a_picture_is_served_so_that_it_can_do_nothing(caller: Caller) -> None:
    url = bring(caller, picture("GIF") + b"<script>alert(1)</script>", "image/gif")
    answer = fetch(url)
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["cache-control"] == "private, max-age=3600, immutable"
    assert int(answer.headers["content-length"]) == len(answer.content)
    head = fetch(url, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == answer.headers["content-length"]
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert fetch(url, method).status_code == 405


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("a b?c#d%.png", "a%20b%3Fc%23d%25.png"),
        ("..", "picture.png"),
        ("<script>.png", "%3Cscript%3E.png"),
        ("猫.png", "%E7%8C%AB.png"),
        ("x" * 900, "x" * 100),
        (None, "picture.png"),
    ],
)
def test_a_name_is_only_for_people(caller: Caller, name: str | None, shown: str) -> None:
    answer = begin(caller, name=name).json()
    assert answer["file_url"].rpartition("/")[2] == shown
    assert put(answer["upload_url"], picture()).status_code == 200
    assert fetch(answer["file_url"]).content == picture()


@pytest.mark.parametrize(
    "path", [f"/files/{NO_FILE}/cat.png", "/files/x/cat.png", f"/files/{NO_FILE}/", "/files/"]
)
def test_what_is_not_there_is_not_found_in_fals_shape(gateway: Gateway, path: str) -> None:
    assert_refused(gateway.get(path), 404, "not_found")


def test_pages_of_other_origins_may_upload(start_gateway: StartGateway) -> None:
    origin = "https://app.example.com"
    gateway = start_gateway(cors_origins=origin)
    asked = {"origin": origin, "access-control-request-method": "POST"}
    for path, method, names in (
        (INITIATE, "POST", "authorization, content-type, accept, x-fal-object-lifecycle"),
        (UPLOAD, "POST", "authorization, content-type, x-fal-file-name"),
        ("/storage/upload/x?capability=y", "PUT", "content-type"),
        ("/files/x/cat.png", "GET", "accept"),
    ):
        headers = {
            **asked,
            "access-control-request-method": method,
            "access-control-request-headers": names,
        }
        answer = httpx.options(f"{gateway.address}{path}", headers=headers, trust_env=False, timeout=60)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)
    url = bring(gateway.caller())
    shown = httpx.get(url, headers={"origin": origin}, trust_env=False, timeout=60)
    assert shown.headers["access-control-allow-origin"] == origin


# What is not taken


@pytest.mark.parametrize(
    "content_type", ["text/plain", "image/svg+xml", "application/octet-stream", "text/html", "", None]
)
def test_what_is_no_picture_is_refused_before_it_comes(
    gateway: Gateway, caller: Caller, content_type: str | None
) -> None:
    assert_refused(begin(caller, content_type), 415, "unsupported_media_type")
    given = content_type or ""
    assert_refused(send(gateway.address, f"Key {caller.key}", b"x", given), 415, "unsupported_media_type")


@pytest.mark.parametrize("content", [b"<html><script>", b"", b"GIF", picture("JPEG"), b"\x89PNG\r\n"])
def test_the_first_bytes_decide(gateway: Gateway, caller: Caller, content: bytes) -> None:
    before = stored(gateway.database)
    upload_url, file_url = begun(caller)
    assert_refused(put(upload_url, content), 415, "unsupported_media_type")
    assert_refused(send(gateway.address, f"Key {caller.key}", content), 415, "unsupported_media_type")
    assert fetch(file_url).status_code == 404
    assert stored(gateway.database) == before
    assert put(upload_url, picture()).status_code == 200


def test_a_type_that_changes_on_the_way_is_refused(caller: Caller) -> None:
    upload_url, _ = begun(caller)
    assert_refused(put(upload_url, picture("JPEG"), "image/jpeg"), 415, "unsupported_media_type")
    assert_refused(put(upload_url, picture(), "text/html"), 415, "unsupported_media_type")
    assert put(upload_url, picture(), None).status_code == 200


@pytest.mark.parametrize("field", ["content_type", "file_name"])
def test_a_field_of_a_wrong_kind_is_named(caller: Caller, field: str) -> None:
    body = {"content_type": "image/png", "file_name": "cat.png", field: 7}
    answer = caller.post(INITIATE, json=body)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", field])


def test_the_limit_holds_to_the_byte_with_and_without_a_length(small: Gateway) -> None:
    caller = small.caller()
    for content in (padded(LIMIT), in_chunks(padded(LIMIT))):
        upload_url, file_url = begun(caller)
        assert put(upload_url, content).status_code == 200
        assert len(fetch(file_url).content) == LIMIT
    for content in (padded(LIMIT + 1), in_chunks(padded(LIMIT + 1))):
        upload_url, file_url = begun(caller)
        assert_refused(put(upload_url, content), 413, "payload_too_large")
        assert fetch(file_url).status_code == 404
    key = f"Key {caller.key}"
    assert_refused(send(small.address, key, padded(LIMIT + 1)), 413, "payload_too_large")
    assert_refused(send(small.address, key, in_chunks(padded(LIMIT + 1))), 413, "payload_too_large")
    assert stored(small.database) == 2


def test_a_body_without_end_is_cut_off_at_the_limit(small: Gateway) -> None:
    upload_url, _ = begun(small.caller())
    path = upload_url.removeprefix(small.address)
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with connect(small.address) as connection:
        connection.sendall(head + b"".join(b"64\r\n" + b"\0" * 100 + b"\r\n" for _ in range(LIMIT // 100)))
        connection.sendall(b"1\r\n\0\r\n")
        # The body has not ended, and the answer is there.
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")
    announced = head.replace(b"Transfer-Encoding: chunked", f"Content-Length: {LIMIT + 1}".encode())
    assert exchange(small.address, announced).status == 413


def test_files_in_parts_are_refused_with_the_limit_in_words(gateway: Gateway, caller: Caller) -> None:
    for path in ("/storage/upload/initiate-multipart?storage_type=fal-cdn-v3", "/files/upload/multipart"):
        answer = caller.post(path, json={"content_type": "image/png", "file_name": "cat.png"})
        assert_refused(answer, 413, "payload_too_large")
        assert "25000000 bytes" in answer.json()["detail"]
        assert httpx.post(f"{gateway.address}{path}", json={}, trust_env=False, timeout=60).status_code == 401


# What a team may store


def test_a_team_may_store_so_much_and_no_more(small: Gateway) -> None:
    caller, other = small.caller(), small.caller()
    for _ in range(2):
        bring(caller, padded(2000))
    upload_url, _ = begun(caller)
    refused = put(upload_url, padded(1001))
    assert_refused(refused, 413, "payload_too_large")
    assert (refused.json()["scope"], refused.json()["limit_bytes"]) == ("team", 5000)
    assert put(upload_url, padded(1000)).status_code == 200
    # A client that repeats after a lost answer hears the same again, full or not.
    assert put(upload_url, padded(1000)).status_code == 200
    bring(other, padded(2000))
    usage = small.database.rows("SELECT stored_bytes FROM upload_usage ORDER BY 1")
    assert [row["stored_bytes"] for row in usage] == [2000, 5000]


def test_the_teams_limit_holds_when_many_come_at_once(small: Gateway, start_gateway: StartGateway) -> None:
    second = start_gateway(**LIMITS)
    key = f"Key {small.caller().key}"
    addresses = [small.address, second.address]
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda n: send(addresses[n % 2], key, padded(1000 + n)), range(40)))
    codes = [answer.status_code for answer in answers]
    total = int(small.database.value("SELECT sum(size_bytes) FROM uploads"))
    assert {*codes} == {200, 413}
    assert codes.count(200) == stored(small.database) == 4
    assert total == int(small.database.value("SELECT stored_bytes FROM upload_usage"))


def test_a_browser_token_may_not_fill_its_teams_room(small: Gateway) -> None:
    caller = small.caller()
    pages = [small.caller(caller.post("/api/tokens", json={}).json()["token"]) for _ in range(2)]
    bring(pages[0], padded(1500))
    upload_url, _ = begun(pages[0])
    refused = put(upload_url, padded(1001))
    assert_refused(refused, 413, "payload_too_large")
    assert (refused.json()["scope"], refused.json()["limit_bytes"]) == ("token", 2500)
    assert put(upload_url, padded(1000)).status_code == 200
    bring(pages[1], padded(2000))
    refused = put(begun(caller)[0], padded(501))
    assert (refused.status_code, refused.json()["scope"]) == (413, "team")
    usage = small.database.rows("SELECT stored_bytes FROM upload_usage ORDER BY 1")
    assert [row["stored_bytes"] for row in usage] == [2000, 2500, 4500]


def test_the_room_is_what_is_left_when_it_is_decided(small: Gateway) -> None:
    caller = small.caller()
    bring(caller, padded(1000))
    upload_url, file_url = begun(caller)
    filling = "UPDATE upload_usage SET stored_bytes = 4500"
    waiting = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
    with ThreadPoolExecutor(1) as threads:
        with under_way(small.database, filling):
            answer = threads.submit(put, upload_url, padded(1000))
            until(lambda: small.database.value(waiting))
        assert_refused(answer.result(), 413, "payload_too_large")
    assert fetch(file_url).status_code == 404


# What opens an address


def test_the_same_bytes_again_change_nothing_and_others_are_refused(gateway: Gateway, caller: Caller) -> None:
    upload_url, file_url = begun(caller)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: put(upload_url, picture()), range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.text for answer in answers}) == 1
    other = picture(colour=(1, 2, 3))
    assert_refused(put(upload_url, other), 409, "conflict")
    assert fetch(file_url).content == picture()
    team_id = Account.of(gateway.database, caller).team_id
    usage = gateway.database.value("SELECT stored_bytes FROM upload_usage WHERE scope_id = $1", team_id)
    assert usage == len(picture())


@pytest.fixture
def permission(gateway: Gateway, caller: Caller) -> Capability:
    """What an address to put a file at says."""
    account = Account.of(gateway.database, caller)
    file = AwaitedFile(uuid4(), "image/png", "cat.png")
    return Capability(account.team_id, account.key_id, None, int(time.time()) + 100, file)


def address_for(gateway: Gateway, permission: Capability, file_id: UUID | None = None) -> str:
    assert permission.file is not None
    text = SIGNER.sign(permission)
    return f"{gateway.address}/storage/upload/{file_id or permission.file.file_id}?capability={text}"


def test_a_permission_opens_its_own_address_alone(gateway: Gateway, permission: Capability) -> None:
    assert_refused(put(address_for(gateway, permission, uuid4()), picture()), 404, "not_found")
    for_any = (
        f"{gateway.address}/storage/upload/{uuid4()}?capability={SIGNER.sign(replace(permission, file=None))}"
    )
    assert_refused(put(for_any, picture()), 404, "not_found")
    as_token = send(gateway.address, f"Bearer {SIGNER.sign(permission)}", picture())
    assert_refused(as_token, 404, "not_found")
    assert put(address_for(gateway, permission), picture()).status_code == 200


def test_a_forged_an_altered_and_an_old_permission_open_nothing(
    gateway: Gateway, caller: Caller, permission: Capability
) -> None:
    good = address_for(gateway, permission)
    forged = CapabilitySigner(b"another secret").sign(permission)
    old = SIGNER.sign(replace(permission, expires_seconds=int(time.time())))
    stranger = SIGNER.sign(replace(permission, team_id=uuid4()))
    swapped = good[:-1] + ("A" if good[-1] != "A" else "E")
    for url in (
        good.partition("?")[0],
        good.partition("=")[0] + "=",
        good.partition("=")[0] + "=" + forged,
        good.partition("=")[0] + "=" + old,
        good.partition("=")[0] + "=" + stranger,
        good.partition("=")[0] + "=" + caller.key,
        swapped,
    ):
        assert_refused(put(url, picture()), 401, "unauthorized")
    for credential in (forged, old, stranger, "fgu_x.y"):
        assert_refused(send(gateway.address, f"Bearer {credential}", picture()), 401, "unauthorized")
    assert put(good, picture()).status_code == 200


def test_an_upload_token_opens_nothing_else(gateway: Gateway, caller: Caller) -> None:
    holder = gateway.caller(upload_token(caller)["token"])
    holder.headers["authorization"] = f"Bearer {holder.key}"
    for answer in (
        holder.submit("a cat"),
        holder.get("/api/me"),
        holder.post(INITIATE, json={"content_type": "image/png", "file_name": "a.png"}),
        holder.post(TOKEN, json={}),
        holder.post("/api/tokens", json={}),
    ):
        assert answer.status_code == 401


def test_nobody_uploads_without_a_credential(gateway: Gateway) -> None:
    for path in (INITIATE, TOKEN, UPLOAD):
        for headers in ({}, {"authorization": "Key fg_wrong"}, {"authorization": "Basic eDp5"}):
            answer = httpx.post(
                f"{gateway.address}{path}", json={}, headers=headers, trust_env=False, timeout=60
            )
            assert_refused(answer, 401, "unauthorized")


def test_what_a_key_began_dies_with_it(gateway: Gateway, caller: Caller) -> None:
    upload_url, file_url = begun(caller)
    token = f"Bearer {upload_token(caller)['token']}"
    assert put(upload_url, picture()).status_code == 200
    account = Account.of(gateway.database, caller)
    gateway.database.rows("UPDATE api_keys SET revoked_at = now() WHERE id = $1", account.key_id)
    until_over(lambda: put(upload_url, picture()).status_code == 200, DEAD_SECONDS)
    assert_refused(put(upload_url, picture()), 401, "unauthorized")
    assert_refused(send(gateway.address, token, picture()), 401, "unauthorized")
    # What is there already is a job's matter until its time is over.
    assert fetch(file_url).status_code == 200


def test_a_file_is_gone_when_its_time_is_over(start_gateway: StartGateway) -> None:
    gateway = start_gateway("--no-worker", upload_ttl_seconds="60")
    url = bring(gateway.caller())
    answer = fetch(url)
    assert answer.status_code == 200
    left = re.fullmatch(r"private, max-age=(\d+), immutable", answer.headers["cache-control"])
    assert left
    assert int(left[1]) < 60
    gateway.database.rows("UPDATE uploads SET expires_at = now() + interval '1 s'")
    until(lambda: fetch(url).status_code == 404)
    assert stored(gateway.database) == 1
