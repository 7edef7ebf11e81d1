"""The reference is drawn once, however many ask."""

from typing import Any

from app.console.api_reference import ApiReference
from app.console.pages import Pages


def test_the_reference_is_drawn_once() -> None:
    asked: list[None] = []

    def document() -> dict[str, Any]:
        asked.append(None)
        return {"paths": {}, "components": {"schemas": {"A": {"description": "<b> is no tag"}}}}

    reference = ApiReference(Pages(), document)
    drawn = [reference.drawn("http://gateway.test") for _ in range(3)]
    assert len(asked) == 1
    assert drawn[0] is drawn[1] is drawn[2]
    assert "&lt;b&gt; is no tag" in drawn[0]
    assert "http://gateway.test" in drawn[0]
