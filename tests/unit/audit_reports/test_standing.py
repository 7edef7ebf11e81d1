import pytest

from app.audit.standing import allowed_models, least_left

LISTED = ["fal-ai/flux-1/dev", "fal-ai/flux-1/schnell", "fal-ai/flux-pro/v1.1", "fal-ai/flux-lora"]


@pytest.mark.parametrize(
    ("lists", "allowed"),
    [
        ([], None),
        ([["fal-ai/*"]], ["fal-ai/*"]),
        ([[]], []),
        ([["fal-ai/*"], ["fal-ai/flux-1/*"]], ["fal-ai/flux-1/*"]),
        ([["fal-ai/flux-1/*"], ["fal-ai/*"]], ["fal-ai/flux-1/*"]),
        ([["fal-ai/flux-1/dev"], ["fal-ai/flux-pro/v1.1"]], []),
        ([["fal-ai/*/dev", "x"], ["fal-ai/flux-1/*", "x"]], ["x", "fal-ai/flux-1/dev"]),
        ([["*"], ["*"], ["fal-ai/flux-lora"]], ["fal-ai/flux-lora"]),
        ([["a", "b"], ["b", "a"]], ["a", "b"]),
    ],
)
def test_several_lists_are_told_as_the_one_they_make(
    lists: list[list[str]], allowed: list[str] | None
) -> None:
    assert allowed_models(lists, LISTED) == allowed


@pytest.mark.parametrize(
    ("left", "least"), [([], None), ([None, None], None), ([None, 5], 5), ([7, 5, None], 5), ([0, 5], 0)]
)
def test_the_least_is_what_is_left(left: list[int | None], least: int | None) -> None:
    assert least_left(left) == least
