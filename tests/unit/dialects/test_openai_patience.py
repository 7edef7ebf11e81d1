"""The gateway waits a little less long than the client that asks."""

import pytest
from starlette.requests import Request

from app.dialects.openai_images import patience_seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 900),
        ({"x-stainless-lang": "python"}, 590),
        ({"x-stainless-lang": "python", "x-stainless-read-timeout": "600"}, 590),
        ({"x-stainless-lang": "python", "x-stainless-read-timeout": "5.0"}, 4.5),
        ({"x-stainless-lang": "js", "x-stainless-timeout": "30"}, 27),
        ({"x-stainless-lang": "js", "x-stainless-timeout": "100000"}, 900),
        ({"x-stainless-timeout": "60", "x-stainless-read-timeout": "30"}, 27),
        *(
            ({"x-stainless-lang": "js", "x-stainless-timeout": odd}, 590)
            for odd in ("", "0", "-1", "nan", "inf", "1e999", "ten", "1_0_", "\u0663")
        ),
    ],
)
def test_the_wait_ends_before_the_clients_patience(headers: dict[str, str], seconds: float) -> None:
    sent = [(name.encode(), value.encode("utf-8")) for name, value in headers.items()]
    request = Request({"type": "http", "headers": sent})
    assert patience_seconds(request, 900.0) == pytest.approx(seconds)
