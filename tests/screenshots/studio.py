"""Whose life the pictures show: a few teams with their keys, what they ask for, and what goes wrong."""

from dataclasses import dataclass
from itertools import cycle
from typing import Any, Final
from uuid import UUID

import httpx

from tests.screenshots.past import live_through, show_pictures_of_today
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.receiver import Receiver
from tests.support.waiting import until

MODELS: Final = ["fal-ai/flux-1/dev", "fal-ai/flux-1/schnell", "fal-ai/flux-pro/v1.1"]
END_USERS: Final = ["ann@studio.example", "bob@studio.example", "mei", "kofi", "sofia", None]
PROMPTS: Final = [
    "A lighthouse on a cliff at dawn, soft light, wide angle, film grain",
    "Product shot of a ceramic teapot on linen, studio light, shallow depth of field",
    "Isometric map of a small harbour town, pastel colours, clean lines",
    "Portrait of an old fisherman, weathered face, golden hour, 85 mm",
    "Cross-section of a beehive, botanical illustration, ink and watercolour",
    "A night train crossing a snowy valley, cinematic, long exposure",
    "Poster for a jazz festival, flat shapes, two colours, bold type",
    "Street market in Lisbon after rain, reflections, 35 mm",
    "Concept art of a greenhouse on Mars, warm light inside, dust outside",
    "Macro photograph of frost on a maple leaf, morning light",
    "A fox reading a newspaper in a café, children's book illustration",
    "Aerial view of terraced rice fields in fog, soft greens",
]
# A name, its budget for a month in USD, how many keys, and how many jobs of the past are tried.
TEAMS: Final = [
    ("Studio", "120", ["storyboards", "website", "nightly batch"], 5200),
    ("Marketing", "60", ["campaigns", "social"], 3600),
    ("Product design", "45", ["mock-ups"], 2000),
    ("Research", None, ["notebook", "evaluation"], 1500),
    ("Интерн & Friends <b>", "5", ["try-outs"], 260),
]
PRICES: Final = """[
    {"model": "fal-ai/flux-1/dev", "per": "megapixel", "usd": "0.025"},
    {"model": "fal-ai/flux-1/schnell", "per": "megapixel", "usd": "0.003"},
    {"model": "fal-ai/flux-pro/*", "per": "image", "usd": "0.04"}
]"""
TROUBLE: Final = ["[fail 500]", "[fail 422]", "[slow 90]", "[queue 90]"]


@dataclass(frozen=True)
class Key:
    """A key with its secret."""

    id: UUID
    secret: str


@dataclass(frozen=True)
class Team:
    """A team with its keys."""

    id: UUID
    name: str
    keys: list[Key]


def move_in(gateway: Gateway, operator: httpx.Client, picture_url: str) -> list[Team]:
    """Makes the teams, and their past."""
    teams = []
    for seed, (name, budget, keys, number) in enumerate(TEAMS, 1):
        wanted = {"name": name, "keeps_images": seed == 1} | ({"budget_usd": budget} if budget else {})
        made = _post(operator, "/teams", wanted)
        team = Team(
            UUID(made["id"]), name, [_key(operator, name, label, place) for place, label in enumerate(keys)]
        )
        live_through(
            gateway.database,
            team_id=team.id,
            key_ids=[key.id for key in team.keys],
            number=number,
            seed=seed,
            models=MODELS,
            end_users=END_USERS[: 1 + seed],
            prompts=PROMPTS,
            picture_url=picture_url,
        )
        teams.append(team)
    return teams


def work_today(gateway: Gateway, teams: list[Team], receiver: Receiver) -> str:
    """Real jobs through the gateway, with what goes wrong; returns the id of one with pictures."""
    jobs = []
    receiver.statuses = [500, 200]
    prompts = cycle(PROMPTS)
    for team, number in zip(teams, (26, 14, 8, 6, 2), strict=True):
        for key in team.keys:
            with gateway.caller(key.secret) as caller:
                jobs += [_submit(caller, next(prompts), place) for place in range(number // len(team.keys))]
    studio = teams[0].keys[0]
    with gateway.caller(studio.secret) as caller:
        for words in TROUBLE:
            _submit(caller, f"{next(prompts)} {words}", 1)
        caller.cancel(_submit(caller, f"{next(prompts)} [slow 60]", 1))
        _submit(caller, f"{PROMPTS[4]} [submit reset] [webhook none]", 1)
        shown = caller.post(
            f"{MODELS[0]}?fal_webhook={receiver.address}/hook",
            json={"prompt": PROMPTS[0], "num_images": 2, "seed": 7, "image_size": "landscape_4_3"},
            headers={"x-fluxgate-end-user": "mei"},
        ).json()["request_id"]
        for _ in range(3):
            caller.post(MODELS[0], json={"prompt": PROMPTS[1], "seed": 21})
    until(lambda: all(gateway.database.job(job)["completed_at"] for job in [*jobs, shown]), 60)
    show_pictures_of_today(gateway.database)
    return str(shown)


def _submit(caller: Caller, prompt: str, place: int) -> str:
    sizes = ("landscape_4_3", "square_hd", "portrait_4_3")
    return caller.job(prompt, MODELS[place % 2], image_size=sizes[place % 3], num_images=1 + place % 2)


def _key(operator: httpx.Client, team: str, label: str, place: int) -> Key:
    wanted: dict[str, Any] = {"team": team, "name": label}
    if place == 0:
        wanted |= {"budget_usd": "80", "requests_per_minute": 600}
    made = _post(operator, "/keys", wanted)
    return Key(UUID(made["id"]), made["key"])


def _post(operator: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = operator.post(path, json=body)
    assert answer.is_success, answer.text
    made: dict[str, Any] = answer.json()
    return made
