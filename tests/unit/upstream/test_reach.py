import pytest

from app.upstream.reach import is_on_the_internet


@pytest.mark.parametrize(
    "public_url",
    [
        "https://gateway.example.com",
        "https://gateway.example.com:8443",
        "https://gateway.example.com/behind/a/path",
        "https://GATEWAY.example.com.",
        "https://1.1.1.1",
        "https://[2606:4700:4700::1111]",
    ],
)
def test_an_address_of_the_internet_can_be_fetched(public_url: str) -> None:
    assert is_on_the_internet(public_url)


@pytest.mark.parametrize(
    "public_url",
    [
        None,
        "",
        "http://gateway.example.com",
        "https://localhost",
        "https://localhost:8443",
        "https://me.localhost",
        "https://127.0.0.1:8443",
        "https://[::1]",
        "https://10.0.0.7",
        "https://192.168.1.5",
        "https://172.16.0.1",
        "https://169.254.169.254",
        "https://100.64.0.1",
        "https://[fd00::1]",
        "https://[fe80::1]",
        "https://[::ffff:10.0.0.1]",
        "https://0.0.0.0",
        "https://gateway",
        "https://gateway.",
        "https://gateway.local",
        "https://gateway.internal",
        "https://gateway.corp.internal.",
        "https://gateway.lan",
        "https://gateway.test",
    ],
)
def test_others_cannot(public_url: str | None) -> None:
    assert not is_on_the_internet(public_url)
