"""Which addresses are read at all, and as what."""

import pytest

from app.webhooks.address import FOREIGN_PORTS, URL_LIMIT, is_web_port, parse_address


@pytest.mark.parametrize(
    ("given", "stored", "where", "path"),
    [
        ("https://a.example", "https://a.example/", ("a.example", 443), "/"),
        ("HTTPS://A.Example/Hook", "https://a.example/Hook", ("a.example", 443), "/Hook"),
        ("https://a.example?x=1", "https://a.example/?x=1", ("a.example", 443), "/?x=1"),
        ("https://a.example:443/", "https://a.example/", ("a.example", 443), "/"),
        ("http://a.example:443/", "http://a.example:443/", ("a.example", 443), "/"),
        ("http://a.example:08080/", "http://a.example:8080/", ("a.example", 8080), "/"),
        ("http://192.0.2.1:80/x", "http://192.0.2.1/x", ("192.0.2.1", 80), "/x"),
        ("http://[2001:DB8::0:1]/", "http://[2001:db8::1]/", ("2001:db8::1", 80), "/"),
        ("http://[::1]:9000/", "http://[::1]:9000/", ("::1", 9000), "/"),
        (
            "https://xn--bcher-kva.example/",
            "https://xn--bcher-kva.example/",
            ("xn--bcher-kva.example", 443),
            "/",
        ),
        ("https://a_b.example/", "https://a_b.example/", ("a_b.example", 443), "/"),
        (
            "https://a.example/%2e%2e/@x:1",
            "https://a.example/%2e%2e/@x:1",
            ("a.example", 443),
            "/%2e%2e/@x:1",
        ),
    ],
)
def test_an_address_is_read_and_stored_in_one_form(
    given: str, stored: str, where: tuple[str, int], path: str
) -> None:
    address = parse_address(given)
    assert (address.url, (address.host, address.port), address.path) == (stored, where, path)
    assert parse_address(stored) == address


@pytest.mark.parametrize(
    ("given", "authority"),
    [
        ("https://a.example:443/", "a.example"),
        ("http://a.example:443/", "a.example:443"),
        ("https://a.example:80/", "a.example:80"),
        ("http://[::1]:80/", "[::1]"),
        ("http://[::1]:9000/", "[::1]:9000"),
    ],
)
def test_the_host_header_leaves_out_the_usual_port(given: str, authority: str) -> None:
    assert parse_address(given).authority == authority


REFUSED = {
    "nothing": "",
    "no scheme": "a.example/hook",
    "no host": "https:///hook",
    "scheme alone": "https://",
    "one slash": "https:/a.example",
    "file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_x",
    "ftp": "ftp://a.example/",
    "dict": "dict://127.0.0.1:11211/stat",
    "unix": "unix:///run/docker.sock",
    "upper-case of another scheme": "FILE:///etc/passwd",
    "javascript": "javascript:alert(1)",
    "leading space": " https://a.example/",
    "trailing space": "https://a.example/ ",
    "space inside": "https://a.example/a b",
    "tab inside": "https://a.exa\tmple/",
    "newline inside": "https://a.example/\nX: y",
    "carriage return": "https://a.example/\r\nX: y",
    "NUL": "https://a.example/\0",
    "delete character": "https://a.example/\x7f",
    "user name": "https://good.example@127.0.0.1/",
    "user name and password": "https://user:secret@a.example/",
    "empty user name": "https://@a.example/",
    "backslash before another host": "https://good.example\\@evil.example/",
    "backslashes for slashes": "https:\\\\a.example\\",
    "fragment": "https://a.example/#x",
    "fragment before another host": "https://good.example#@evil.example/",
    "circled digits": "http://①②⑦.⓪.⓪.①/",
    "full-width letters": "http://ｌocalhost/",  # noqa: RUF001 # the look-alike is the case
    "Cyrillic look-alike": "https://аpple.example/",  # noqa: RUF001 # the look-alike is the case
    "ideographic full stop": "http://127。0。0。1/",
    "soft hyphen": "http://local\u00adhost/",
    "percent sign in the host": "http://127.0.0.1%2eevil.example/",
    "zone of an interface": "http://[fe80::1%25eth0]/",
    "zone with a bare percent sign": "http://[fe80::1%eth0]/",
    "brackets around a name": "http://[localhost]/",
    "brackets around IPv4": "http://[127.0.0.1]/",
    "future literal": "http://[v1.x]/",
    "no closing bracket": "http://[::1/",
    "IPv6 without brackets": "http://::1/",
    "trailing dot": "http://localhost./",
    "leading dot": "http://.example/",
    "two dots": "http://a..example/",
    "label of 64 characters": f"http://{'a' * 64}.example/",
    "name of 254 characters": f"http://{'a.' * 126}aa/",
    "punycode overflow": f"http://xn--{'9' * 80}.example/",
    "port 0": "http://a.example:0/",
    "port 65536": "http://a.example:65536/",
    "port of six digits": "http://a.example:000080/",
    "empty port": "http://a.example:/",
    "negative port": "http://a.example:-80/",
    "port in words": "http://a.example:http/",
    "two ports": "http://a.example:80:80/",
    "quote": 'https://a.example/"x"',
    "angle bracket": "https://a.example/<x>",
    "8 kB": f"https://a.example/{'x' * 8000}",
    "1,000 fields": f"https://a.example/?{'&'.join(f'a{n}=1' for n in range(1000))}",
}


@pytest.mark.parametrize("given", REFUSED.values(), ids=REFUSED.keys())
def test_what_readers_may_take_differently_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="it"):
        parse_address(given)


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "localhost", "metadata.google.internal"]
)
def test_what_a_name_stands_for_is_not_decided_by_its_text(host: str) -> None:
    assert parse_address(f"http://{host}/").host == host


def test_the_longest_address_is_taken() -> None:
    longest = "https://a.example/".ljust(URL_LIMIT, "x")
    assert parse_address(longest).url == longest
    with pytest.raises(ValueError, match="longer than 2048"):
        parse_address(f"{longest}x")


@pytest.mark.parametrize("port", [80, 443, 1024, 3000, 8000, 8080, 8443, 9443, 65535])
def test_a_web_server_may_be_at_these_ports(port: int) -> None:
    assert is_web_port(port)


@pytest.mark.parametrize("port", [1, 22, 25, 53, 111, 445, 631, 1023, *sorted(FOREIGN_PORTS)])
def test_a_web_server_is_not_at_these_ports(port: int) -> None:
    assert not is_web_port(port)
