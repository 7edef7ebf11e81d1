"""Whatever stands in a header, a path or a query is read, or refused in words, and never a fault of ours."""

import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from app.callers.admin_key import digest_of_admin_key
from app.callers.key_material import is_well_formed
from app.callers.token_format import TokenSigner, is_token
from app.catalogue.lookup import Catalogue
from app.catalogue.picture_urls import is_web_url
from app.console.sign_in import HOME, page_in
from app.dialects import fal_wire
from app.dialects.body import require_json
from app.dialects.openai_images import patience_seconds
from app.dialects.proxy_target import parse_target
from app.dialects.submit_headers import cache_wish, end_user, idempotency_key
from app.dialects.waiting import LONGEST_WAIT_SECONDS, preferred_wait_seconds, start_timeout_seconds
from app.errors import BadRequest, FluxgateError, NotFound, TargetRefused, UnsupportedMediaType
from app.uploads.addresses import NAME_LENGTH, clean_name
from app.webhooks.address import parse_address

SIGNER = TokenSigner([b"a secret"])
CATALOGUE = Catalogue(allow_unlisted=True)


def nearly(*forms: str) -> st.SearchStrategy[str]:
    """Any text, and texts that begin or end like a good one."""
    mixed = st.tuples(st.sampled_from(forms), st.text(max_size=20), st.sampled_from(forms))
    return st.text() | mixed.map("".join) | mixed.map(lambda parts: f"{parts[1]}{parts[0]}{parts[1]}")


def beyond(start: str, *parts: str) -> st.SearchStrategy[str]:
    """A good beginning, and what may come behind it: texts that get as far as the last look at them."""
    return st.lists(st.sampled_from(parts), max_size=4).map(lambda found: start + "".join(found))


def values(*forms: str) -> st.SearchStrategy[list[bytes]]:
    """The values of a header that is sent once or several times, as bytes of any kind."""
    one = st.binary(max_size=300) | nearly(*forms).map(lambda text: text.encode())
    return st.lists(one, min_size=1, max_size=3)


def request(name: str, sent: list[bytes]) -> Request:
    return Request({"type": "http", "method": "GET", "headers": [(name.encode(), value) for value in sent]})


@given(values("a", '"a"', '""', "\x7f"))
def test_an_idempotency_key_is_plain_and_short(sent: list[bytes]) -> None:
    with suppress(BadRequest):
        key = idempotency_key(request("idempotency-key", sent))
        assert len(sent) == 1
        assert key is not None
        assert re.fullmatch("[ -~]{1,255}", key)


@given(values("Zoë", "\u202e", " "))
def test_an_end_user_is_printable_and_short(sent: list[bytes]) -> None:
    with suppress(BadRequest):
        name = end_user(request("x-fluxgate-end-user", sent))
        assert name is None or (0 < len(name) <= 200 and name.isprintable())


@given(values("no-cache", "no-store", "max-age=", "max-age=60", ","))
def test_a_cache_control_asks_for_an_age_or_for_nothing(sent: list[bytes]) -> None:
    age = cache_wish(request("cache-control", sent)).max_age_seconds
    assert age is None or 0 <= age < 1e9


@given(values("wait=", "wait=10", 'wait="10"', "wait = 99999999999", ",", ";", "respond-async"))
def test_a_preference_is_a_wait_of_a_minute_at_most(sent: list[bytes]) -> None:
    seconds = preferred_wait_seconds(request("prefer", sent))
    assert seconds is None or 0 <= seconds <= LONGEST_WAIT_SECONDS


@given(values("1", "1e400", "nan", "-0.0", "infinity", "1_0", "٣"))
def test_a_start_timeout_is_a_time_that_one_could_wait(sent: list[bytes]) -> None:
    seconds = start_timeout_seconds(request("x-fal-request-timeout", sent))
    assert seconds is None or 0 < seconds < float("inf")


@given(values("600", "nan", "1e999", "-1"))
def test_nobody_waits_longer_than_the_longest_whatever_a_client_says(sent: list[bytes]) -> None:
    assert 0 < patience_seconds(request("x-stainless-timeout", sent), 600.0) <= 600.0


@given(values("application/json", ";charset=utf-8", "; charset=", "text/plain", ","))
def test_only_one_declaration_of_json_is_taken(sent: list[bytes]) -> None:
    with suppress(UnsupportedMediaType):
        require_json(request("content-type", sent))
        assert len(sent) == 1
        assert sent[0].strip().lower().startswith(b"application/json")


@given(nearly("fg_", "fgt_", "Bearer ", ".", "A" * 43))
def test_no_credential_is_a_fault(text: str) -> None:
    """What a header holds came as Latin-1, so every character is one byte."""
    sent = text.encode().decode("latin-1")
    assert not is_well_formed(sent)
    assert not is_token(sent) or SIGNER.read(sent) is None
    assert len(digest_of_admin_key(sent)) == 64


@given(
    nearly("https://queue.fal.run", "/fal-ai/flux-1/dev", "/..", "?a=b", "@", "#", "\\")
    | beyond("https://queue.fal.run/fal-ai", "/flux-1", "/..", "/.", "/", "/%2e", "?a=b", "@")
)
def test_a_target_leads_below_our_own_routes_or_nowhere(text: str) -> None:
    with suppress(TargetRefused):
        target = parse_target(text)
        assert target.path.startswith(("/fal-ai/", "/run/fal-ai/", "/storage/"))
        assert not {"", ".", ".."} & set(target.path.split("/")[1:])
        assert (target.path + target.query).isascii()


@given(
    nearly("https://", "http://", "[::1]", "example.com", ":80", "/", "@", "\\", "#", "%")
    | beyond("https://example.com/", "a", "\\", "#", "%", "@", '"', "?")
)
def test_an_address_for_webhooks_is_read_alike_twice(text: str) -> None:
    with suppress(ValueError):
        address = parse_address(text)
        assert parse_address(address.url) == address
        assert address.url.isascii()
        assert "@" not in address.authority
        assert not set(address.url) & set('\\#"<>^`{|}')


@given(nearly("flux-1", "/requests/", "0190a0b0-0000-7000-8000-000000000000", "/status", "/"))
def test_a_path_names_a_job_or_nothing(text: str) -> None:
    with suppress(NotFound):
        path = fal_wire.parse_job_path(text)
        assert path.app
        assert path.job_id


@given(
    nearly("fal-ai", "/", "flux-1", "..", "requests", "%2e")
    | beyond("fal-ai", "/flux-1", "/..", "/requests", "/%2e", "/", "é")
)
def test_a_model_is_plain_segments_or_none(text: str) -> None:
    with suppress(FluxgateError):
        segments = CATALOGUE.find(text).id.split("/")
        assert all(re.fullmatch(r"[A-Za-z0-9._-]+", one, re.ASCII) for one in segments)
        assert not {".", "..", "requests"} & set(segments)


@given(nearly("a.png", "/", "\\", "..", "\0", "\u202e") | st.none())
def test_a_file_has_a_name_that_leads_nowhere(given_name: str | None) -> None:
    name = clean_name(given_name, "image/png")
    assert 0 < len(name) <= NAME_LENGTH
    assert name.isprintable()
    assert not {"/", "\\"} & set(name)
    assert name.strip(".")


@given(nearly("/console", "/playground", "//", "https://evil.example", "\\", "\r\n"))
def test_a_sign_in_leads_to_our_own_pages(text: str) -> None:
    page = page_in(text)
    assert page.startswith(("/console", "/playground"))
    assert page == HOME or re.fullmatch(r"[!-~]+", page)


# Each costs what a few looks at every character cost: nobody's regular expression goes back and forth.

LONG: dict[str, Callable[[str], object]] = {
    "an idempotency key": lambda text: idempotency_key(request("idempotency-key", [text.encode()])),
    "an end user": lambda text: end_user(request("x-fluxgate-end-user", [text.encode()])),
    "a cache control": lambda text: cache_wish(request("cache-control", [text.encode()])),
    "a preference": lambda text: preferred_wait_seconds(request("prefer", [text.encode()])),
    "a content type": lambda text: require_json(request("content-type", [text.encode()])),
    "a key": is_well_formed,
    "a token": SIGNER.read,
    "a target": parse_target,
    "an address for webhooks": parse_address,
    "a model": CATALOGUE.find,
    "a picture's address": is_web_url,
    "a file's name": lambda text: clean_name(text, "image/png"),
    "a page": page_in,
}
EVIL = (
    "a",
    "a-",
    "a.",
    "/a",
    "wait=",
    "wait=1,",
    ";",
    " ",
    "a@",
    "https://",
    "[:",
    "%2e",
    "fgt_A.",
    "max-age=1,",
    "0",
)
# What a pattern goes on behind, up to an end that it does not take.
STARTS = ("fgt_", "https://", "https://a/", "/console/", "fal-ai/", "wait=")
LONG_CHARACTERS = 100_000


@pytest.mark.parametrize("name", LONG)
def test_a_long_text_is_read_in_one_go(name: str) -> None:
    """G13: a pattern that backtracks would take hours for any of these."""
    for part in EVIL:
        text = part * (LONG_CHARACTERS // len(part))
        for sent in (
            text,
            f"{text}!",
            f"{text}\n",
            *(f"{start}{text}\\" for start in STARTS),
            f"https://{text}",
        ):
            with suppress(FluxgateError, ValueError):
                LONG[name](sent)
