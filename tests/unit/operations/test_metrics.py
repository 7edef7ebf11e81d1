"""What callers write becomes no series, and is kept nowhere."""

from weakref import ref

from app.operations.metrics import OTHER_METHOD, Metrics, Standing


class Word(str):  # noqa: SLOT000 # a plain one cannot be watched
    """A word whose end can be seen."""


def test_a_word_that_is_no_method_is_not_remembered() -> None:
    metrics = Metrics()
    word = Word("BREW")
    watched = ref(word)
    metrics.request("/livez", word, 405, 0.001)
    del word
    assert watched() is None
    page = metrics.page(Standing({})).decode()
    assert (
        f'fluxgate_request_seconds_count{{method="{OTHER_METHOD}",route="/livez",status="405"}} 1.0' in page
    )
    assert "BREW" not in page
