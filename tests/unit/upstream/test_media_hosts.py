"""From which addresses pictures are fetched, and from which never."""

import pytest

from app.errors import StartupError
from app.settings import Settings, load_settings
from app.upstream.media_hosts import LONGEST_URL, MediaHosts

DEFAULT = Settings.model_fields["media_hosts"].default
HOSTS = MediaHosts.of("https://api.quickrouter.ai/v2", DEFAULT)
AT_HOME = MediaHosts.of("http://127.0.0.1:9000", ("cdn.example.com",))


@pytest.mark.parametrize(
    "url",
    [
        "https://fal.media/files/a/b.png",
        "https://v3.fal.media/files/a/b.png?x=%20y&z=[1]".replace("[1]", "1"),
        "https://a-1.b.fal.media/x",
        "https://fal.media",
        "https://fal.media/a/../b",
        "https://api.quickrouter.ai/files/x.png",
    ],
)
def test_the_upstream_and_the_named_hosts_are_fetched_from(url: str) -> None:
    assert HOSTS.allow(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/files/a.png",
        "//fal.media/a",
        "http://fal.media/a",
        "http://v3.fal.media/a",
        "ftp://fal.media/a",
        "file:///etc/passwd",
        "gopher://fal.media/a",
        "HTTPS://fal.media/a",
        "https://FAL.media/a",
        "https://fal.media.evil.com/a",
        "https://evilfal.media/a",
        "https://evil-fal.media/a",
        "https://.fal.media/a",
        "https://a..fal.media/a",
        "https://-a.fal.media/a",
        "https://fal.media./a",
        "https://media/a",
        "https://fal.media:443/a",
        "https://fal.media:8443/a",
        "https://fal.media:/a",
        "https://user@fal.media/a",
        "https://user:secret@fal.media/a",
        "https://fal.media@evil.com/a",
        "https://fal.media:x@evil.com/a",
        "https://evil.com\\@fal.media/a",
        "https://fal.media\\.evil.com/a",
        "https://evil.com#.fal.media/a",
        "https://evil.com?.fal.media/a",
        "https://evil.com/.fal.media/a",
        "https://fal.media?a",
        "https://fal.media/a#b",
        "https://fal%2emedia/a",
        "https://fal.media%00.evil.com/a",
        "https://f\u0430l.media/a",
        "https://fal\u3002media/a",
        "https://fal.media/a b",
        "https://fal.media/a\n",
        "https://fal.media/\u00e9",
        "https://127.0.0.1/a",
        "https://[::1]/a",
        "https://169.254.169.254/latest/meta-data",
        "https://example.com/a.png",
        "http://api.quickrouter.ai/files/x.png",
        "https://api.quickrouter.ai:8443/files/x.png",
        "https://fal.media/" + "a" * LONGEST_URL,
    ],
    ids=ascii,
)
def test_no_other_address_is(url: str) -> None:
    assert not HOSTS.allow(url)


def test_an_upstream_at_a_port_is_that_port_alone() -> None:
    assert AT_HOME.allow("http://127.0.0.1:9000/files/a.png")
    assert AT_HOME.allow("https://cdn.example.com/a.png")
    for url in (
        "http://127.0.0.1/a",
        "http://127.0.0.1:9001/a",
        "https://127.0.0.1:9000/a",
        "http://127.0.0.1:90000/a",
        "http://127.0.0.1:09000/a",
        "http://localhost:9000/a",
        "https://a.cdn.example.com/a.png",
        "https://fal.media/a",
    ):
        assert not AT_HOME.allow(url)


@pytest.mark.parametrize(
    "hosts",
    [
        "*",
        "*.",
        "*.*",
        "fal.media:443",
        "https://fal.media",
        "Fal.media",
        "a,,*b.c",
        "fal",
        "127.0.0.1",
        "a/b",
    ],
)
def test_a_wrong_name_stops_the_start(hosts: str) -> None:
    with pytest.raises(StartupError, match="FLUXGATE_MEDIA_HOSTS"):
        load_settings(media_hosts=hosts)


def test_names_are_separated_by_commas() -> None:
    assert load_settings(media_hosts="a.example, *.b.example").media_hosts == ("a.example", "*.b.example")
    assert load_settings(media_hosts=" ").media_hosts == ()
