"""Secrets that are recognised wherever they turn up, and a gateway that is given one for each place."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import redis
from sqlalchemy import make_url

from tests.support.certificates import Certificates, make_certificates
from tests.support.collector import Collector, collecting
from tests.support.database import Database, fresh_database
from tests.support.echoing_upstream import EchoingUpstream, echoing
from tests.support.gateway import Gateway, serve
from tests.support.receiver import Receiver, receiving
from tests.support.stores import PATIENT_STORES, Stores

SUPERUSER = "postgres"
# Settings that are a secret of any form.
PLAIN = ("upstream_key", "admin_key", "key_pepper", "token_keys", "vault_secret_key")


@dataclass
class Secrets:
    """What is secret, by a name for it.

    Attributes:
        ours: nobody is ever told: what the gateway was given in its settings.
        handed_out: told once, to whom it was made for.
        callers: in what callers and upstreams send; their own answers may hold it.
    """

    ours: dict[str, str] = field(default_factory=dict)
    handed_out: dict[str, str] = field(default_factory=dict)
    callers: dict[str, str] = field(default_factory=dict)

    def found_in(self, text: str, *kinds: Mapping[str, str]) -> set[str]:
        """The names of those that a text holds."""
        return {name for kind in kinds for name, value in kind.items() if value in text}


def canary(place: str) -> str:
    """A secret for one place."""
    return f"canary-{place}-{uuid4().hex}"


@dataclass(frozen=True)
class Answer:
    """What somebody was told: by which method and path, the status, and the body with the headers."""

    place: str
    status: int
    told: str


@dataclass(frozen=True)
class Mine:
    """A gateway with a canary in every place, and what it speaks to."""

    secrets: Secrets
    gateway: Gateway
    upstream: EchoingUpstream
    collector: Collector
    bucket: Receiver
    receiver: Receiver
    stores: "NamedUsers"
    settings: Mapping[str, str]
    directory: Path
    answers: list[Answer]

    def client(self, **headers: str) -> httpx.Client:
        """Whoever's answers are searched afterwards."""

        def remember(answer: httpx.Response) -> None:
            answer.read()
            told = "\n".join([answer.text, *map(str, answer.headers.multi_items())])
            place = f"{answer.request.method} {answer.request.url.path}"
            self.answers.append(Answer(place, answer.status_code, told))

        client = self.silent(**headers)
        client.event_hooks = {"response": [remember]}
        return client

    def silent(self, **headers: str) -> httpx.Client:
        """Whoever is told a secret for the first time."""
        return httpx.Client(
            base_url=self.gateway.address,
            headers=headers,
            verify=self.gateway.verify,
            trust_env=False,
            timeout=60,
        )


@dataclass(frozen=True)
class NamedUsers:
    """Users with passwords at the shared stores, who can be locked out."""

    name: str
    server: Database
    redis: redis.Redis
    database_url: str
    redis_url: str

    @contextmanager
    def without_redis(self) -> Iterator[None]:
        """Redis lets the gateway in no more until the end of the block."""
        self.redis.acl_setuser(self.name, enabled=False)
        self._end_redis_connections()
        yield
        self.redis.acl_setuser(self.name, enabled=True)

    @contextmanager
    def without_postgresql(self) -> Iterator[None]:
        """The same of PostgreSQL."""
        self.server.rows(f"ALTER ROLE {self.name} NOLOGIN")
        self.end_connections()
        yield
        self.server.rows(f"ALTER ROLE {self.name} LOGIN")

    def end_connections(self) -> None:
        """Ends the connections of this user to PostgreSQL."""
        self.server.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", self.name
        )

    def _end_redis_connections(self) -> None:
        for client in self.redis.client_list():
            if client["user"] == self.name:
                self.redis.client_kill_filter(_id=client["id"])


@contextmanager
def named_users(stores: Stores, database: Database, passwords: Mapping[str, str]) -> Iterator[NamedUsers]:
    """Makes the users, and takes them away again."""
    name = f"canary_{uuid4().hex[:12]}"
    owner = make_url(stores.database_url).set(username=SUPERUSER, database=SUPERUSER)
    server = Database(owner.render_as_string(hide_password=False))
    server.rows(f"CREATE ROLE {name} SUPERUSER LOGIN PASSWORD '{passwords['database']}'")
    url = make_url(database.url).set(username=name, password=passwords["database"])
    with redis.from_url(stores.redis_url) as client:
        client.acl_setuser(
            name,
            enabled=True,
            passwords=[f"+{passwords['redis']}"],
            keys=["*"],
            channels=["*"],
            categories=["+@all"],
        )
        scheme, _, place = stores.redis_url.partition("://")
        users = NamedUsers(
            name,
            server,
            client,
            url.render_as_string(hide_password=False),
            f"{scheme}://{name}:{passwords['redis']}@{place}",
        )
        try:
            yield users
        finally:
            client.acl_deluser(name)
            users.end_connections()
            server.rows(f"DROP ROLE {name}")


@contextmanager
def canary_mine(stores: Stores, directory: Path, **settings: str) -> Iterator[Mine]:
    """The gateway, with everything that it can be given; keywords are further settings."""
    certificates = make_certificates(directory)
    secrets = Secrets()
    secrets.ours |= {place: canary(place) for place in (*PLAIN, "database", "redis", "traces")}
    seed = f"canary-seed-{uuid4().hex}".encode()[:32]
    secrets.ours["webhook_signing_keys"] = base64.b64encode(seed).decode()
    secrets.ours["tls_key"] = certificates.key.read_text().splitlines()[1]
    secrets.callers["picture_link"] = canary("picture_link")
    with (
        fresh_database(stores.database_url) as database,
        named_users(stores, database, secrets.ours) as users,
        echoing(f"signature={secrets.callers['picture_link']}") as upstream,
        collecting() as collector,
        receiving() as bucket,
        receiving() as receiver,
    ):
        given = {
            **settings_of(secrets, users, upstream, collector, bucket),
            **files_of(certificates),
            "data_dir": str(directory / "data"),
            **settings,
        }
        bucket.statuses = [403] * 1000
        with serve(directory, database, settings=given, trust=certificates) as gateway:
            yield Mine(secrets, gateway, upstream, collector, bucket, receiver, users, given, directory, [])


def files_of(certificates: Certificates) -> dict[str, str]:
    """The settings that make it speak TLS."""
    return {"tls_cert_file": str(certificates.certificate), "tls_key_file": str(certificates.key)}


def settings_of(
    secrets: Secrets, users: NamedUsers, upstream: EchoingUpstream, collector: Collector, bucket: Receiver
) -> dict[str, str]:
    """Every setting that holds a secret, and what makes the gateway use it."""
    ours = secrets.ours
    return {
        **{name: ours[name] for name in (*PLAIN, "webhook_signing_keys")},
        "database_url": users.database_url,
        "redis_url": users.redis_url,
        "upstream_url": upstream.address,
        "upstream_profile": "fal",
        "upstream_webhooks": "on",
        "upstream_jwks_url": upstream.address,
        "traces_url": collector.url,
        "traces_headers": f"authorization={ours['traces']}",
        "vault_url": "s3://canaries",
        "vault_s3_endpoint": bucket.address,
        "vault_access_key": "canary-access",
        "webhook_allowed_hosts": "127.0.0.1",
        "log_level": "debug",
        **PATIENT_STORES,
    }
