import pytest

from app.webhooks.incoming_health import TRUSTED_SECONDS, arrive


@pytest.mark.parametrize(
    ("heard", "missed", "expected"),
    [
        (None, None, False),
        (None, 5.0, False),
        (0.0, None, True),
        (100.0, None, True),
        (5.0, 100.0, True),
        (100.0, 5.0, False),
        (5.0, 5.0, False),
        (TRUSTED_SECONDS, None, False),
        (TRUSTED_SECONDS, 10 * TRUSTED_SECONDS, False),
    ],
)
def test_webhooks_are_relied_on_while_the_last_news_of_them_is_good(
    heard: float | None, missed: float | None, expected: bool
) -> None:
    assert arrive(heard, missed) == expected
