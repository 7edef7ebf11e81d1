from dataclasses import replace
from uuid import UUID

import pytest

from app.callers.browser_tokens import caller_with_token, require_usable
from app.callers.caller import Caller, RateLimit
from app.callers.token_format import TokenClaims
from app.errors import ModelNotAllowed, Unauthorized

APP = "https://app.example.com"
PARENT = Caller(
    key_id=UUID(int=2),
    key_name="a key",
    team_id=UUID(int=3),
    team_name="a team",
    models=(("fal-ai/flux*",),),
    rates=(RateLimit("key", UUID(int=2), 60),),
)
FREE = TokenClaims(token_id=UUID(int=1), key_id=UUID(int=2), team_id=UUID(int=3), expires_ms=100_000)
BOUND = replace(FREE, origin=APP)


@pytest.mark.parametrize("now_seconds", [0.0, 99.0, 99.999])
def test_a_token_lives_until_its_end(now_seconds: float) -> None:
    require_usable(FREE, None, now_seconds)


@pytest.mark.parametrize("now_seconds", [100.0, 100.001, 1e9])
def test_a_token_is_dead_from_its_end_on(now_seconds: float) -> None:
    with pytest.raises(Unauthorized, match="expired"):
        require_usable(FREE, None, now_seconds)


@pytest.mark.parametrize("origin", [None, APP, "null", "https://elsewhere.example"])
def test_a_token_without_an_origin_works_everywhere(origin: str | None) -> None:
    require_usable(FREE, origin, 0.0)


def test_a_bound_token_works_at_its_origin() -> None:
    require_usable(BOUND, APP, 0.0)


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "*",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com/",
        "https://evil.app.example.com",
        "https://app.example.com.evil.com",
        "https://APP.example.com",
    ],
)
def test_a_bound_token_works_nowhere_else(origin: str | None) -> None:
    with pytest.raises(Unauthorized, match="origin"):
        require_usable(BOUND, origin, 0.0)


def test_a_token_narrows_its_key_and_never_widens_it() -> None:
    caller = caller_with_token(PARENT, replace(FREE, models=("*/dev",), end_user="ada"))
    assert (caller.token_id, caller.end_user) == (FREE.token_id, "ada")
    assert (caller.key_id, caller.team_id, caller.rates) == (PARENT.key_id, PARENT.team_id, PARENT.rates)
    caller.require_model("fal-ai/flux-1/dev")
    for model in ("fal-ai/flux-1/schnell", "fal-ai/other/dev"):
        with pytest.raises(ModelNotAllowed):
            caller.require_model(model)


def test_a_token_without_models_has_those_of_its_key() -> None:
    assert caller_with_token(PARENT, FREE).models == PARENT.models
