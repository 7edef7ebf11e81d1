"""What a link of the vault opens: one picture, for a while, as bytes that can do nothing but be shown."""

import re
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest

from tests.conftest import StartGateway
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.uploading import fetch
from tests.support.vault import link, made, until_all, wants
from tests.support.waiting import until

SAFE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "cross-origin",
    "referrer-policy": "no-referrer",
    "accept-ranges": "none",
}


@pytest.fixture
def kept(gateway: Gateway, caller: Caller, prompt: str) -> dict[str, str]:
    """What is told of a picture that is kept."""
    wants(gateway.database, caller)
    [image] = until_all(caller, made(caller, prompt, output_format="png"), "kept")
    return image


def test_a_picture_can_be_shown_and_does_nothing_else(kept: dict[str, str]) -> None:
    answer = fetch(kept["vault_url"])
    job_id = kept["vault_url"].split("/vault/")[1].partition("/")[0]
    assert SAFE.items() <= dict(answer.headers).items()
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == f'inline; filename="{job_id}-0.png"'
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["etag"] == f'"{kept["sha256"]}"'
    found = re.fullmatch(r"private, max-age=(\d+), immutable", answer.headers["cache-control"])
    assert found
    assert 86_000 < int(found[1]) <= 90_000
    assert "set-cookie" not in answer.headers


def test_a_picture_that_is_known_is_not_sent_again(kept: dict[str, str]) -> None:
    tag = f'"{kept["sha256"]}"'
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        answer = fetch(kept["vault_url"], **{"if-none-match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    for other in ('"x"', kept["sha256"], ""):
        assert fetch(kept["vault_url"], **{"if-none-match": other}).status_code == 200
    thumbnail = fetch(kept["thumbnail_url"])
    assert fetch(kept["thumbnail_url"], **{"if-none-match": thumbnail.headers["etag"]}).status_code == 304
    assert fetch(kept["thumbnail_url"], **{"if-none-match": tag}).status_code == 200


def test_a_head_tells_the_same_without_the_bytes(kept: dict[str, str]) -> None:
    for name in ("vault_url", "thumbnail_url"):
        head, answer = fetch(kept[name], "HEAD"), fetch(kept[name])
        told = ("content-type", "content-disposition", "etag", "content-security-policy")
        assert [head.headers[one] for one in told] == [answer.headers[one] for one in told]
        assert (head.status_code, head.content) == (200, b"")
    assert fetch(kept["vault_url"], "HEAD").headers["content-length"] == str(kept["size_bytes"])


def test_ranges_are_passed_over(kept: dict[str, str]) -> None:
    whole = fetch(kept["vault_url"]).content
    for wanted in ("bytes=0-0", "bytes=" + ",".join(f"{n}-" for n in range(2000))):
        answer = fetch(kept["vault_url"], range=wanted)
        assert (answer.status_code, answer.content) == (200, whole)


def test_a_link_that_was_changed_opens_nothing(gateway: Gateway, kept: dict[str, str]) -> None:
    url = kept["vault_url"]
    expires, signature = (parse_qs(urlsplit(url).query)[name][0] for name in ("expires", "signature"))
    job_id = url.split("/vault/")[1].partition("/")[0]
    for changed in (
        url.replace(expires, str(int(expires) + 1)),
        url.replace("/0?", "/1?"),
        url.replace("/0?", "/00?"),
        url.replace("/0?", "/0/thumbnail?"),
        url.replace(job_id, str(uuid4())),
        url.replace(job_id, job_id.upper()),
        url.replace(signature, signature[::-1]),
        url.partition("&")[0],
        url.partition("?")[0],
        f"{url}&signature=",
        link(gateway, urlsplit(url).path, seconds=0),
        link(gateway, urlsplit(url).path, seconds=-1000),
    ):
        for method in ("GET", "HEAD"):
            answer = fetch(changed, method)
            assert answer.status_code == 403, changed
            assert answer.headers["cache-control"] == "no-store"
        problem = fetch(changed).json()
        assert (problem["status"], problem["error_type"]) == (403, "forbidden")


def test_behind_a_good_link_there_may_be_nothing(gateway: Gateway, caller: Caller, prompt: str) -> None:
    job_id = made(caller, prompt)
    for path in (f"{uuid4()}/0", f"{job_id}/1", f"{job_id}/-1", f"{job_id}/x", f"{job_id}/0000", "x/0"):
        assert fetch(link(gateway, f"/vault/{path}")).status_code == 404
    for path in (f"{job_id}", f"{job_id}/0/x", f"{job_id}/0/"):
        assert fetch(link(gateway, f"/vault/{path}")).status_code == 404


def test_a_link_leads_to_the_upstream_while_nothing_is_kept(
    gateway: Gateway, caller: Caller, prompt: str
) -> None:
    job_id = made(caller, prompt)
    [image] = caller.get(f"/api/images/{job_id}").json()["items"]
    answer = fetch(link(gateway, f"/vault/{job_id}/0"))
    assert (answer.status_code, answer.headers["location"]) == (307, image["url"])
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert fetch(link(gateway, f"/vault/{job_id}/0/thumbnail")).status_code == 404
    body = b'{"images":[{"url":"javascript:alert(1)"},{"url":"https://a.test/\\r\\nx: y"},{"url":"data:x"}]}'
    gateway.database.rows("UPDATE job_results SET body = $1 WHERE job_id = $2", body, UUID(job_id))
    assert {fetch(link(gateway, f"/vault/{job_id}/{place}")).status_code for place in range(3)} == {404}


def test_what_was_kept_long_enough_is_gone(gateway: Gateway, kept: dict[str, str]) -> None:
    job_id = UUID(kept["vault_url"].split("/vault/")[1].partition("/")[0])
    purged = "UPDATE images SET state = 'purged', object_id = NULL WHERE job_id = $1"
    gateway.database.rows(purged, job_id)
    answer = fetch(kept["vault_url"])
    assert (answer.status_code, answer.json()["error_type"]) == (410, "gone")


def test_the_vault_is_counted_and_named_and_its_links_stand_in_no_log(
    start_gateway: StartGateway, prompt: str
) -> None:
    gateway = start_gateway(log_level="debug")
    caller = gateway.caller()
    assert "vault" not in gateway.get("/readyz").json()["parts"]
    wants(gateway.database, caller)
    [image] = until_all(caller, made(caller, prompt), "kept")
    links = (image["vault_url"], image["thumbnail_url"])
    assert [fetch(url).status_code for url in links] == [200, 200]
    assert fetch(image["vault_url"].replace("/0?", "/1?")).status_code == 403
    assert gateway.process.events("request.answered")
    signatures = [parse_qs(urlsplit(url).query)["signature"][0] for url in links]
    assert not [one for one in signatures if one in gateway.process.log()]
    until(lambda: gateway.metric('fluxgate_vault_pictures_total{outcome="kept"}') == 1)
    assert gateway.metric("fluxgate_vault_kept_bytes_total") == image["size_bytes"]
    assert gateway.metric('fluxgate_work_lag_seconds_count{kind="archive"}') == 1
    assert gateway.get("/readyz").json()["parts"]["vault"] == "ok"
