"""How many pixels a size stands for."""

from typing import Any

import pytest

from app.catalogue.sizes import picture_size


@pytest.mark.parametrize(
    ("size", "pixels"),
    [
        ("square_hd", (1024, 1024)),
        ("square", (512, 512)),
        ("portrait_4_3", (768, 1024)),
        ("portrait_16_9", (576, 1024)),
        ("landscape_4_3", (1024, 768)),
        ("landscape_16_9", (1024, 576)),
        ("3:4", (768, 1024)),
        ("4:3", (1024, 768)),
        ("16:9", (1024, 576)),
        ("9:16", (576, 1024)),
        ({"width": 640, "height": 480}, (640, 480)),
        ({"width": 640}, (640, 512)),
        ({}, (512, 512)),
    ],
)
def test_a_size_is_so_many_pixels(size: str | dict[str, Any], pixels: tuple[int, int]) -> None:
    assert picture_size(size) == pixels
