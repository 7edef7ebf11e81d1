import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.origins import fault_of_origin


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com",
        "http://localhost:3000",
        "http://127.0.0.1:8000",
        "https://xn--bcher-kva.example",
        "https://example.com:8443",
        "http://[::1]:3000",
        "http://my_host",
        "chrome-extension://abcdefghijklmnop",
        "capacitor://localhost",
        "http://a:443",
        "https://a:80",
        "https://a:65535",
    ],
)
def test_what_browsers_send_is_an_origin(origin: str) -> None:
    assert fault_of_origin(origin) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("*", "name each origin"),
        ("https://*.example.com", "name each origin"),
        ("null", "any page"),
        ("", "scheme://host"),
        ("example.com", "scheme://host"),
        ("//example.com", "scheme://host"),
        ("https://", "scheme://host"),
        ("https://example.com/", "no path"),
        ("https://example.com/app", "no path"),
        ("https://example.com?a=b", "no path"),
        ("https://example.com#a", "no path"),
        ("https://user@example.com", "scheme://host"),
        ("https://Example.com", "lower case"),
        ("HTTPS://example.com", "lower case"),
        ("https://example.com:443", "default port"),
        ("http://example.com:80", "default port"),
        ("https://example.com:0", "scheme://host"),
        ("https://example.com:080", "scheme://host"),
        ("https://example.com:65536", "scheme://host"),
        ("https://example.com:", "scheme://host"),
        ("https://example..com", "scheme://host"),
        ("https://bücher.example", "scheme://host"),
        ("https://a.example https://b.example", "scheme://host"),
        ("https://a.example,https://b.example", "scheme://host"),
        (" https://example.com", "scheme://host"),
        ("https://example.com\n", "scheme://host"),
        ("https://" + "a" * 300, "scheme://host"),
    ],
)
def test_anything_else_is_not_and_the_words_say_why(text: str, word: str) -> None:
    assert word in (fault_of_origin(text) or "")


@given(st.text() | st.from_regex(r"[a-z]+://[a-z0-9.:/@*-]*"))
def test_no_text_is_too_strange_to_judge(text: str) -> None:
    assert fault_of_origin(text) is None or fault_of_origin(text)
