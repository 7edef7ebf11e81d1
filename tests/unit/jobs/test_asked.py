"""Whether looking for an earlier answer is worth a statement."""

from app.jobs.asked import Asked


def test_what_was_asked_for_once_was_asked_for_before() -> None:
    asked = Asked()
    assert [asked.before(digest) for digest in (b"a", b"b", b"a")] == [False, False, True]


def test_what_was_asked_for_first_is_forgotten_first() -> None:
    asked = Asked(limit=2)
    for digest in (b"a", b"b", b"c"):
        asked.before(digest)
    assert [asked.before(digest) for digest in (b"c", b"b", b"a")] == [True, True, False]
