"""The API's reference in a real browser: for everybody, and from this gateway alone."""

import pytest

from tests.support.visitor import Visitor

# One browser for all pages.
pytestmark = pytest.mark.xdist_group("pages")

LOAD_BYTES = 300_000
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; });"


def test_whoever_has_the_address_reads_the_reference(visitor: Visitor) -> None:
    visitor.open("/docs")
    assert visitor.text("h1") == "API"
    assert visitor.loaded_bytes() < LOAD_BYTES
    visitor.run("document.querySelector('summary').click();")
    assert "Authorization: Bearer $FLUXGATE_KEY" in visitor.text("details[open] pre")
    visitor.run(OPEN_ALL)
    visitor.check_page()


def test_a_shape_is_one_press_away(visitor: Visitor) -> None:
    visitor.open("/docs")
    visitor.run(OPEN_ALL)
    visitor.click('dl a[href="#shape-Submitted"]')
    assert visitor.until("location.hash === '#shape-Submitted'")
    assert "status_url" in visitor.text("#shape-Submitted")
