"""What of a policy does not go together."""

import pytest

from app.callers.policy import Policy, Privacy


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (Policy(), None),
        (Policy(privacy=Privacy.NONE), None),
        (Policy(keeps_images=True), None),
        (Policy(privacy=Privacy.HASHED, keeps_images=True, rewrites_urls=True), None),
        (Policy(payload_days=30, job_days=1), None),  # a payload goes with its job at the latest
        (Policy(rewrites_urls=True), "rewrites_urls"),
        (Policy(privacy=Privacy.NONE, keeps_images=True), "keeps_images"),
        (Policy(privacy=Privacy.NONE, rewrites_urls=True), "rewrites_urls"),
    ],
)
def test_what_contradicts_itself_is_named(policy: Policy, field: str | None) -> None:
    fault = policy.fault()
    assert (None if fault is None else fault[0]) == field
