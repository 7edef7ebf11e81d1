"""Two teams at one gateway, each with everything that a team can have."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx

from app.callers.pepper import derived_key
from app.callers.sessions import CSRF_HEADER
from app.webhooks.incoming_address import PURPOSE, IncomingAddresses
from tests.support.accounts import Account
from tests.support.clocks import until_today_has_room
from tests.support.database import Database, fresh_database
from tests.support.gateway import Gateway, make_keys, serve
from tests.support.pictures import picture
from tests.support.receiver import receiving
from tests.support.simulator import Simulator
from tests.support.stores import PEPPER, Stores, settings_for
from tests.support.uploading import begun, put
from tests.support.vault import until_all, wants
from tests.support.waiting import until
from tests.support.webhooks import ALLOWING, job_with

ADDRESS = "http://gateway.test"
# Both teams ask for exactly this, so that an answer of one would do for the other.
SAME_PROMPT = "the same lighthouse for both"
SAME_INPUT: Mapping[str, Any] = {"seed": 7, "image_size": {"width": 64, "height": 48}}
IDEMPOTENCY_KEY = "the-same-key-for-both"
# A link to a picture is another one after each twenty-fourth of this, which is to be no moment of a test.
LINK_SECONDS = 3650 * 86_400
COPYING = "SELECT 1 FROM work w JOIN jobs j ON j.id = w.job_id WHERE j.team_id = $1 AND w.kind = 'archive'"


@dataclass(frozen=True)
class Belongings:
    """What one team has.

    Attributes:
        named: ids by kind, several of each where there are several kinds of the thing.
        credentials: the headers of everything that speaks for the team.
        sibling: a browser token of the team, with which none of these jobs was sent.
        values: what its lists can be asked for by, under the name of the parameter.
        own: parts of addresses that only this team was given.
    """

    account: Account
    named: dict[str, list[str]]
    credentials: dict[str, dict[str, str]]
    sibling: dict[str, str]
    values: dict[str, list[str]]
    own: dict[str, str]
    marks: frozenset[str] = field(default=frozenset())


class Newcomer:
    """A team that settles at a gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.database = gateway.database
        self.word = uuid4().hex
        self.marks: list[str] = []
        self.key, self.other_key = make_keys(self.database, 2)
        self.caller = gateway.caller(self.key)
        self.account = wants(self.database, self.caller, rewrites_urls=True)
        for table, column in (("teams", "id"), ("api_keys", "team_id")):
            statement = f"UPDATE {table} SET name = $1 WHERE {column} = $2"
            self.database.rows(statement, f"{table}-{self.word}", self.account.team_id)

    def settle(self, receiver: str) -> Belongings:
        """Jobs in every state, with pictures and webhooks; uploads, tokens, sessions."""
        jobs = self._jobs(receiver)
        token, sibling = self._token(), self._token()
        with self.gateway.caller(token["token"]) as holder:
            jobs.append(holder.job(f"{self.word} with a token"))
            holder.wait(jobs[-1])
        # What is copied later would be told in a list that nobody has changed.
        until(lambda: not self.database.rows(COPYING, self.account.team_id))
        credentials = {
            "key": {"authorization": f"Key {self.key}"},
            "token": {"authorization": f"Bearer {token['token']}"},
            "session": self._session(),
        }
        place, address = begun(self.caller)
        named = {
            "job": jobs,
            "key": [str(self.account.key_id)],
            "team": [str(self.account.team_id)],
            "file": [self._upload(), file_in(address)],
        }
        values = self._values(jobs[0])
        return Belongings(
            account=self.account,
            named=named,
            credentials=credentials,
            sibling={"authorization": f"Bearer {sibling['token']}"},
            values=values,
            own=self._own(jobs[0], place),
            marks=frozenset(
                {self.word, token["id"], *self.marks}.union(
                    *named.values(), values["cursor"], values["sha256"]
                )
            ),
        )

    def _jobs(self, receiver: str) -> list[str]:
        same = {"prompt": SAME_PROMPT, **SAME_INPUT}
        sent = self.caller.post(
            "/fal-ai/flux-1/dev", json=same, headers={"idempotency-key": IDEMPOTENCY_KEY}
        ).raise_for_status()
        shared = sent.json()["request_id"]
        told = job_with(self.caller, receiver, f"{self.word} told", **SAME_INPUT)
        again = job_with(self.caller, receiver, f"{self.word} told again", **SAME_INPUT)
        failed = self.caller.job(f"{self.word} [fail 422]")
        running = self.caller.job(f"{self.word} [slow 3600]")
        for job_id in (shared, told, again, failed):
            self.caller.wait(job_id)
        until_all(self.caller, told, "kept")
        until(lambda: self._delivered() == {"delivered"})
        self.caller.wait(running, "IN_PROGRESS")
        self.marks = [shared, again]
        return [told, failed, running]

    def _delivered(self) -> set[str]:
        found = self.caller.get("/api/deliveries").raise_for_status().json()["items"]
        return {delivery["state"] for delivery in found}

    def _token(self) -> dict[str, Any]:
        asked = {"ttl_seconds": 600, "end_user": f"user-{self.word}"}
        return dict(self.caller.post("/api/tokens", json=asked).raise_for_status().json())

    def _session(self) -> dict[str, str]:
        with httpx.Client(base_url=self.gateway.address, trust_env=False, timeout=60) as browser:
            browser.post("/console/sign-in", data={"key": self.other_key})
            found = re.search('name="csrf-token" content="([0-9a-f]{64})"', browser.get("/console").text)
            assert found
            cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
            return {"cookie": cookies, CSRF_HEADER: found[1]}

    def _upload(self) -> str:
        place, address = begun(self.caller)
        put(place.replace(ADDRESS, self.gateway.address), picture()).raise_for_status()
        return file_in(address)

    def _values(self, told: str) -> dict[str, list[str]]:
        pages = [self.caller.get(path, params={"limit": 1}) for path in ("/api/jobs", "/api/deliveries")]
        [image] = self.caller.get(f"/api/images/{told}").raise_for_status().json()["items"]
        return {
            "key": [str(self.account.key_id), f"api_keys-{self.word}"],
            "end_user": [f"user-{self.word}"],
            "q": [self.word],
            "job": [told],
            "team": [f"teams-{self.word}", str(self.account.team_id)],
            "team_id": [str(self.account.team_id)],
            "cursor": [page.raise_for_status().json()["next_cursor"] for page in pages],
            "sha256": [image["sha256"]],
        }

    def _own(self, told: str, upload_url: str) -> dict[str, str]:
        [image] = self.caller.get(f"/api/images/{told}").json()["items"]
        mac = IncomingAddresses(ADDRESS, derived_key(PEPPER.encode(), PURPOSE)).of(UUID(told)) or ""
        return {
            "link": urlsplit(image["vault_url"]).query,
            "thumbnail": urlsplit(image["thumbnail_url"]).query,
            "capability": urlsplit(upload_url).query,
            "mac": mac.rpartition("/")[2],
        }


@dataclass(frozen=True)
class TwoTeams:
    """Them, the stranger, and a gateway that does nothing of itself.

    Attributes:
        before, after: what the stranger's lists said before they came, and then.
        rows: what was recorded of them.
    """

    gateway: Gateway
    them: Belongings
    stranger: Belongings
    before: dict[str, bytes]
    after: dict[str, bytes]
    rows: dict[str, list[str]]


@contextmanager
def two_teams(stores: Stores, simulator: Simulator, directory: Path, lists: list[str]) -> Iterator[TwoTeams]:
    """Settles both with a worker's help, and then serves without one, so that nothing moves by itself."""
    with fresh_database(stores.database_url) as database, receiving() as receiver:
        settings = {
            **settings_for(stores, database, simulator.address),
            **ALLOWING,
            "data_dir": str(directory / "data"),
            "public_url": ADDRESS,
            "upstream_webhooks": "off",
            "vault_link_seconds": str(LINK_SECONDS),
        }
        # Whoever knows an address of the upstream's is recognised, though nothing is believed.
        quiet = {**settings, "upstream_webhooks": "on", "upstream_jwks_url": simulator.address}
        with serve(directory, database, settings=settings) as gateway:
            stranger = Newcomer(gateway).settle(receiver.address)
            # Usage is that of this month where nobody says of which.
            until_today_has_room()
            with gateway.caller() as reader:
                before = {path: listed(reader, path, stranger) for path in lists}
                them = Newcomer(gateway).settle(receiver.address)
                after = {path: listed(reader, path, stranger) for path in lists}
        with serve(directory, database, "--no-worker", settings=quiet) as gateway:
            yield TwoTeams(gateway, them, stranger, before, after, rows_of(database, them))


def listed(client: httpx.Client, path: str, whose: Belongings) -> bytes:
    """What a list says to the holder of a key."""
    return client.get(path, headers=whose.credentials["key"]).raise_for_status().content


def file_in(address: str) -> str:
    """The id of the upload at this address."""
    return urlsplit(address).path.split("/")[2]


def rows_of(database: Database, belongings: Belongings) -> dict[str, list[str]]:
    """Every row that names something of theirs, by table, whatever tables there are."""
    ids = {str(belongings.account.team_id)}.union(*belongings.named.values())
    tables = database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    union = " UNION ALL ".join(
        f"SELECT '{row['tablename']}' AS kind, t::text AS line FROM {row['tablename']} t" for row in tables
    )
    statement = f"SELECT kind, line FROM ({union}) AS rows WHERE line ~ $1 ORDER BY kind, line"
    found: dict[str, list[str]] = {}
    for row in database.rows(statement, "|".join(sorted(ids))):
        found.setdefault(row["kind"], []).append(row["line"])
    return found
