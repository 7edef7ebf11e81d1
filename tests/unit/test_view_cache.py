from dataclasses import dataclass

from app.results.cache import ViewCache


@dataclass(frozen=True)
class Thing:
    weight_bytes: int = 10


def test_a_view_is_believed_for_its_time_and_remembered_after_it() -> None:
    cache = ViewCache[Thing](limit_bytes=100)
    cache.put("a", Thing(), believed_seconds=1000.0)
    cache.put("b", Thing(), believed_seconds=-1.0)
    assert cache.get("a") is not None
    assert cache.get("b") is None
    assert cache.last("b") is not None


def test_those_not_asked_for_go_first_when_it_is_full() -> None:
    cache = ViewCache[Thing](limit_bytes=30)
    for name in "abc":
        cache.put(name, Thing(), believed_seconds=1000.0)
    cache.get("a")
    cache.put("d", Thing(), believed_seconds=1000.0)
    assert [name for name in "abcd" if cache.get(name)] == ["a", "c", "d"]


def test_replacing_and_forgetting_gives_the_room_back() -> None:
    cache = ViewCache[Thing](limit_bytes=30)
    for _ in range(10):
        cache.put("a", Thing(weight_bytes=20), believed_seconds=1000.0)
    cache.forget("a")
    cache.forget("a")
    cache.put("b", Thing(weight_bytes=30), believed_seconds=1000.0)
    assert cache.get("b") is not None
    assert cache.last("a") is None


def test_what_is_larger_than_the_whole_room_is_not_kept() -> None:
    cache = ViewCache[Thing](limit_bytes=30)
    cache.put("a", Thing(weight_bytes=31), believed_seconds=1000.0)
    assert cache.last("a") is None
