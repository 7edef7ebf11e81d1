"""What a stranger asks of a gateway, and what is to be compared of the answers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import httpx
from uuid_utils.compat import uuid7

from app.callers.sessions import CSRF_HEADER
from tests.support.isolation import FORM, ById
from tests.support.served_routes import Route
from tests.support.two_teams import Belongings, TwoTeams

Shown = tuple[int, bytes, list[tuple[str, str]]]

PROXY = "/api/fal/proxy"
# Where fal's clients find these routes.
TARGETS = {
    "/fal-ai/": ("https://queue.fal.run",),
    "/storage/": ("https://rest.fal.ai", "https://rest.alpha.fal.ai"),
    "/run/fal-ai/": ("https://fal.run",),
}
BODILESS = frozenset({"GET", "HEAD", "TRACE"})
NOBODY: Mapping[str, str] = {}


@dataclass(frozen=True)
class Asker:
    """Somebody who asks for things by their ids.

    Attributes:
        asker: whose parts of addresses are filled in.
    """

    client: httpx.Client
    teams: TwoTeams

    def ask(self, method: str, place: str, row: ById, credential: Mapping[str, str]) -> "Question":
        """The question, but for the id; a place that is an address of fal's goes through the proxy."""
        return Question(self, method, place, row, credential)

    def request(
        self, route: Route, credential: Mapping[str, str], *, content: str = "", **params: str
    ) -> httpx.Response:
        """What is answered to this credential."""
        method, path = route
        body = None if method in BODILESS else content.encode()
        return self.client.request(method, path, params=params or None, headers=credential, content=body)


@dataclass(frozen=True)
class Question:
    """A request that lacks the id of what is asked for."""

    asker: Asker
    method: str
    place: str
    row: ById
    credential: Mapping[str, str]

    def about(self, found: str) -> Shown:
        """What is answered about the thing of this id, apart from the id itself."""
        own = self.asker.teams.stranger.own
        address, content = (written(text, own, found) for text in (self.place, self.row.content))
        headers = {**self.credential, "content-type": self.row.content_type}
        if self.row.content_type == FORM:
            content = f"{content}&csrf={self.credential.get(CSRF_HEADER, '')}"
        if address.startswith("https://"):
            headers["x-fal-target-url"], address = address, PROXY
        return shown(self.asker.request((self.method, address), headers, content=content), found)

    def about_nothing(self) -> Shown:
        """What is answered about an id that never was."""
        return self.about(str(uuid7()))


@contextmanager
def asker_of(teams: TwoTeams) -> Iterator[Asker]:
    """Whoever asks the gateway of the two."""
    with httpx.Client(base_url=teams.gateway.address, trust_env=False, timeout=60) as client:
        yield Asker(client, teams)


def places_of(route: Route, row: ById) -> tuple[str, ...]:
    """The addresses of a row."""
    own = route[1].replace("{job_id}", "<id>").replace("{id}", "<id>")
    return row.places or (own,)


def targets_of(place: str) -> list[str]:
    """The same as a client of fal's names it to the proxy; none where that reaches nothing."""
    return [
        f"{target}{place.removeprefix('/run')}"
        for prefix, targets in TARGETS.items()
        if place.startswith(prefix)
        for target in targets
    ]


def shown(answer: httpx.Response, asked: str) -> Shown:
    """An answer without what is of one request alone: its date, its id, and the words that were asked for."""
    request_id = answer.headers["x-request-id"]
    headers = [
        (name, value.replace(request_id, "...").replace(asked, "..."))
        for name, value in answer.headers.multi_items()
        if name != "date"
    ]
    return answer.status_code, answer.content.replace(asked.encode(), b"..."), headers


def marks_in(answer: httpx.Response, whose: Belongings) -> set[str]:
    """What an answer tells of somebody's things."""
    told = "\n".join([answer.text, *answer.headers.values()])
    return {mark for mark in whose.marks if mark in told}


def unknown_like(value: str) -> str:
    """What names nothing and is written in the same way."""
    if is_id(value):
        return str(uuid7())
    return value[:-20] + "".join("A" if letter.isupper() else "0" for letter in value[-20:])


def is_id(value: str) -> bool:
    """Whether it is written as ids are."""
    try:
        return str(UUID(value)) == value
    except ValueError:
        return False


def written(text: str, own: Mapping[str, str], found: str) -> str:
    """The text with this id, and with what the stranger was given for things of its own."""
    for word, value in {"id": found, **own}.items():
        text = text.replace(f"<{word}>", value)
    return text
