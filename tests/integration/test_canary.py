"""A secret of a recognisable form in every place that has one, while much goes wrong: nobody is told it."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from app.callers.pepper import derived_key
from app.vault.links import KEY_PURPOSE, sign_link
from app.webhooks.incoming_address import PURPOSE, IncomingAddresses
from tests.support.caller import DEV
from tests.support.canary import Mine, Secrets, canary, canary_mine
from tests.support.processes import FLUXGATE, environment, run_fluxgate, running
from tests.support.stores import Stores
from tests.support.waiting import until

# It all goes wrong once.
pytestmark = pytest.mark.xdist_group("canary")

SUBMITS = (302, 401, 403, 404, 422, 429, 500)
LOOKS = ("status 302", "status 401", "status 500", "result 302", "result 422", "result 500")
PAGES = (
    "/console",
    "/console/overview/now",
    "/console/overview/month",
    "/console/jobs",
    "/console/usage",
    "/console/usage.csv",
    "/console/teams",
    "/console/keys",
    "/console/unknown",
    "/console/audit",
    "/playground",
    "/docs",
)
EXPORTS = ("/api/jobs", "/api/usage", "/api/usage.csv", "/api/me", "/api/deliveries", "/v1/models")
ADMINS = ("jobs", "usage", "usage.csv", "teams", "keys", "audit", "audit/verify", "unknown")
OPEN = ("/livez", "/readyz", "/metrics", "/openapi.json", "/.well-known/jwks.json", "/console/sign-in")
FORMATS = ("json", "console")


@pytest.fixture(scope="module")
def mine(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mine]:
    """A gateway that has seen all of it, and has stopped."""
    with canary_mine(stores, tmp_path_factory.mktemp("canary"), log_format="json") as mine:
        jobs = have_much_go_wrong(mine)
        look_everywhere(mine, jobs)
        mine.gateway.process.stop()
        yield mine


@pytest.fixture(scope="module")
def text_log(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Secrets]:
    """What another one has written for people to read."""
    with canary_mine(stores, tmp_path_factory.mktemp("canary"), log_format="console") as mine:
        have_much_go_wrong(mine)
        mine.gateway.process.stop()
        return mine.gateway.process.log(), mine.secrets


def test_much_has_gone_wrong(mine: Mine) -> None:
    """Or the tests below would be content with a gateway that was asked nothing."""
    log = mine.gateway.process.log()
    assert mine.upstream.credentials == {f"Key {mine.secrets.ours['upstream_key']}", "nobody"}
    assert mine.bucket.requests
    assert mine.collector.spans()
    assert mine.receiver.requests
    events = ("submit.not_accepted", "redis.unavailable", "storage_unavailable", "vault.store_unavailable")
    assert "is not permitted to log in" in log, "operators are told why"
    # Nothing of it is a fault of ours.
    assert not [event for event in ("request.failed", "work.failed", "background.died") if event in log]
    assert [event for event in events if event not in log] == []
    # Reads as well as submits, while PostgreSQL let nobody in.
    assert {("GET /api/jobs", 503), (f"POST {DEV}", 503), ("GET /readyz", 503)} <= told_where(mine)


def test_every_page_and_export_was_shown(mine: Mine) -> None:
    """Or nothing would be looked for in redirects and refusals."""
    admins = (f"/api/admin/{name}" for name in ADMINS)
    shown = (*PAGES, *EXPORTS, *admins, *OPEN)
    assert {f"GET {path}" for path in shown} <= {place for place, status in told_where(mine) if status == 200}


def test_no_log_line_holds_a_secret(mine: Mine) -> None:
    assert not mine.secrets.found_in(mine.gateway.process.log(), *every_kind(mine.secrets))


def test_no_line_for_people_holds_a_secret_either(text_log: tuple[str, Secrets]) -> None:
    log, secrets = text_log
    assert "request.answered" in log
    assert "submit.not_accepted" in log
    assert not secrets.found_in(log, *every_kind(secrets))


def test_no_answer_holds_a_secret_that_was_not_made_for_it(mine: Mine) -> None:
    """Errors, pages, exports, metrics, readiness: bodies and headers of whatever was answered."""
    kinds = (mine.secrets.ours, mine.secrets.handed_out)
    leaks = [(answer.place, mine.secrets.found_in(answer.told, *kinds)) for answer in mine.answers]
    assert [(place, found) for place, found in leaks if found] == []


def test_metrics_and_traces_hold_nothing_of_callers_either(mine: Mine) -> None:
    metrics = [answer.told for answer in mine.answers if answer.place == "GET /metrics"]
    assert metrics
    traces = [body.decode("latin-1") for body in mine.collector.bodies()]
    assert not mine.secrets.found_in("\n".join([*metrics, *traces]), *every_kind(mine.secrets))


def test_stores_and_files_hold_no_secret_but_as_a_digest(mine: Mine) -> None:
    kinds = (mine.secrets.ours, mine.secrets.handed_out)
    assert not mine.secrets.found_in(rows(mine), *kinds)
    copies = redis_values(mine)
    assert mine.secrets.callers["picture_link"] in copies, "results are there, as they are"
    assert not mine.secrets.found_in(copies, *kinds)
    files = [path for path in (mine.directory / "data").rglob("*") if path.is_file()]
    assert not mine.secrets.found_in("".join(path.read_bytes().decode("latin-1") for path in files), *kinds)


def test_no_command_tells_a_secret(mine: Mine, tmp_path: Path) -> None:
    for words in (("keys", "list", "--json"), ("audit", "verify")):
        done = run_fluxgate(tmp_path, *words, settings=mine.settings)
        assert done.returncode == 0, done.stderr
        assert not mine.secrets.found_in(done.stdout + done.stderr, *every_kind(mine.secrets))


def test_servers_that_it_starts_are_told_no_secret(tmp_path: Path) -> None:
    """Nor does anything show in the list of processes."""
    secret = canary("child")
    names = ("upstream_key", "admin_key", "key_pepper", "token_keys")
    settings = dict.fromkeys(names, secret)
    with running(tmp_path, FLUXGATE, "serve", "--port", "0", settings=settings, is_installed=True) as process:
        until(lambda: "Fluxgate serves on" in process.log())
        told = dict(whoever_lives(tmp_path))
    assert len(told) > 2, "PostgreSQL and Redis are among them"
    assert process.pid in told
    assert not [pid for pid, (words, _) in told.items() if secret in words]
    assert {pid for pid, (_, variables) in told.items() if secret in variables} == {process.pid}
    assert secret not in process.log()


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_fault_of_ours_is_logged_without_what_was_at_hand(log_format: str) -> None:
    """A traceback says where; the values of variables would say what."""
    script = (
        "import structlog\n"
        "from app.operations.logging import configure_logging\n"
        f"configure_logging({log_format!r}, 'debug')\n"
        "def fail(headers):\n    return headers['nothing']\n"
        "try:\n    fail({'authorization': 'Key ' + 'canary-' + 'local'})\n"
        "except KeyError:\n    structlog.get_logger().exception('request.failed')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment({}), capture_output=True, text=True, check=True
    )
    assert "request.failed" in done.stderr
    assert "KeyError" in done.stderr
    assert "canary-local" not in done.stderr


def every_kind(secrets: Secrets) -> tuple[dict[str, str], ...]:
    return secrets.ours, secrets.handed_out, secrets.callers


def have_much_go_wrong(mine: Mine) -> list[str]:
    hand_out(mine)
    ask_wrongly(mine)
    jobs = have_jobs_fail(mine)
    lose_stores(mine, jobs[0])
    return jobs


def hand_out(mine: Mine) -> None:
    """Keys, tokens, sessions, addresses that open something: each told once, to a silent client."""
    handed, ours = mine.secrets.handed_out, mine.secrets.ours
    with mine.silent(authorization=f"Bearer {ours['admin_key']}") as admin:
        admin.post("/api/admin/teams", json={"name": "studio", "keeps_images": True}).raise_for_status()
        made = admin.post("/api/admin/keys", json={"team": "studio", "name": "website"}).raise_for_status()
        handed["first_key"] = made.json()["key"]
        again = admin.post(f"/api/admin/keys/{made.json()['id']}/rotate", json={"grace_seconds": 3600})
        handed["key"] = again.raise_for_status().json()["key"]
    with mine.silent(authorization=f"Key {handed['key']}") as caller:
        handed["token"] = caller.post("/api/tokens", json={"ttl_seconds": 60}).json()["token"]
        handed["upload_token"] = caller.post("/storage/auth/token", json={}).json()["token"]
        begun = caller.post("/storage/upload/initiate", json={"content_type": "image/png"}).json()
        handed["capability"] = urlsplit(begun["upload_url"]).query.partition("=")[2]
    for name, key in (("session", handed["key"]), ("admin_session", ours["admin_key"])):
        with mine.silent() as browser:
            browser.post("/console/sign-in", data={"key": key})
            [handed[name]] = browser.cookies.values()
            found = re.search('name="csrf-token" content="([0-9a-f]{64})"', browser.get("/console").text)
            assert found
            mine.secrets.callers[f"csrf of {name}"] = found[1]
    mine.secrets.callers |= {"prompt": canary("prompt"), "webhook": canary("webhook")}


def ask_wrongly(mine: Mine) -> None:
    """Credentials where they do not belong, nearly right ones, and several at once."""
    ours, handed = mine.secrets.ours, mine.secrets.handed_out
    key, admin = handed["key"], ours["admin_key"]
    wrong = ("", key, f"Basic {key}", f"Key {key}x", f"Bearer {admin}x", f"Key {admin} {key}", "Bearer fg_x")
    with mine.client() as client:
        for path in (DEV, "/v1/images/generations", "/api/tokens", "/api/admin/teams", "/files/upload"):
            for credential in wrong:
                client.post(path, json={"prompt": "x"}, headers={"authorization": credential})
            client.post(path, headers=[("authorization", f"Key {key}"), ("authorization", f"Key {admin}")])
            client.post(path, headers={"authorization": f"Key {key}"}, content=b'{"prompt": ')
        # Not a page: whoever is sent to the sign-in is told the whole address that it asked for itself.
        for path in ("/api/jobs", "/api/admin/keys", "/livez"):
            client.get(path, params={"key": key, "token": handed["token"]})
        client.post("/console/sign-in", data={"key": f"{admin}x", "next": "/console"})
        client.post("/console/sign-in", data={"key": handed["token"]})
        client.put("/storage/upload/nothing", params={"capability": handed["capability"]}, content=b"x")
        client.post(
            "/files/upload", headers={"authorization": f"Bearer {handed['upload_token']}"}, content=b"x"
        )
        client.get("/api/me", headers={"cookie": f"fluxgate_session={handed['session']}x"})


def have_jobs_fail(mine: Mine) -> list[str]:
    """Refused and failing in every way, by an upstream that says our key whenever it can."""
    prompt = mine.secrets.callers["prompt"]
    url = f"{mine.receiver.address}/{mine.secrets.callers['webhook']}?token={mine.secrets.callers['webhook']}"
    mine.receiver.statuses = [500] * 1000
    headers = {"authorization": f"Key {mine.secrets.handed_out['key']}"}
    jobs: list[str] = []
    with mine.client(**headers) as caller, mine.silent(**headers) as silent:
        for trouble in ("", *(f"submit {status}" for status in SUBMITS), *LOOKS):
            asked = {"prompt": f"{prompt} [{trouble}]", "seed": len(jobs)}
            sent = caller.post(DEV, params={"fal_webhook": url}, json=asked)
            jobs.append(sent.headers["x-fal-request-id"])
        # Its own words are told to whoever sent them, and to nobody else.
        silent.post(DEV, json={"prompt": prompt, "image_size": prompt})
        caller.post("/v1/images/generations", json={"model": DEV[1:], "prompt": "[result 422]"})
        until(lambda: caller.get(f"/fal-ai/flux-1/requests/{jobs[0]}").status_code == 200)
        until(lambda: caller.get(f"/fal-ai/flux-1/requests/{jobs[-2]}").status_code == 422)
    until(lambda: mine.receiver.requests)
    until(lambda: mine.bucket.requests)
    until(lambda: "vault.store_unavailable" in mine.gateway.process.log())
    hear_from_strangers(mine, jobs[0])
    return jobs


def hear_from_strangers(mine: Mine, job_id: str) -> None:
    """Addresses that are secrets themselves, and what comes there that nobody believes."""
    pepper = mine.secrets.ours["key_pepper"].encode()
    address = IncomingAddresses("", derived_key(pepper, PURPOSE)).of(UUID(job_id)) or ""
    path = f"/vault/{job_id}/0"
    signature = sign_link(derived_key(pepper, KEY_PURPOSE), path, "4000000000")
    mine.secrets.handed_out |= {"incoming": address.rpartition("/")[2], "vault_link": signature}
    with mine.client() as client:
        client.post(address, json={"request_id": "x", "status": "OK"})
        client.get(path, params={"expires": "4000000000", "signature": signature})
        client.get(path, params={"expires": "1", "signature": signature})


def lose_stores(mine: Mine, job_id: str) -> None:
    """PostgreSQL and Redis away, one after the other, while callers go on."""
    headers = {"authorization": f"Key {mine.secrets.handed_out['key']}"}
    with mine.client(**headers) as caller:
        for away, word in (
            (mine.stores.without_redis, "redis.unavailable"),
            # Behind it the worker has been told why, and not that its connection was ended alone.
            (mine.stores.without_postgresql, "is not permitted to log in"),
        ):
            with away():
                until(partial(is_noted, mine, caller, word))
                for path in (f"/fal-ai/flux-1/requests/{job_id}/status", "/api/jobs", "/readyz", "/metrics"):
                    caller.get(path)
                caller.post(DEV, json={"prompt": mine.secrets.callers["prompt"]})
                caller.post("/console/sign-in", data={"key": mine.secrets.ours["admin_key"]})
        until(lambda: caller.get("/readyz").status_code == 200)
        until(lambda: caller.get("/api/jobs").status_code == 200)


def is_noted(mine: Mine, caller: httpx.Client, word: str) -> bool:
    """Whether the gateway has noticed, once it is asked for what it does not remember."""
    caller.get(f"/api/jobs/{uuid4()}")
    return word in mine.gateway.process.log()


def look_everywhere(mine: Mine, jobs: list[str]) -> None:
    """Every page and every export, as the team and as the operator."""
    handed, ours = mine.secrets.handed_out, mine.secrets.ours
    per_job = [
        f"{form}/{job_id}" for job_id in jobs for form in ("/api/jobs", "/console/jobs", "/api/images")
    ]
    for session in ("session", "admin_session"):
        with mine.client(cookie=f"__Host-fluxgate_session={handed[session]}") as browser:
            for page in (*PAGES, *per_job):
                browser.get(page)
    with mine.client(authorization=f"Key {handed['key']}") as caller:
        for export in (*EXPORTS, *per_job):
            caller.get(export)
        for job_id in jobs:
            caller.get(f"/fal-ai/flux-1/requests/{job_id}")
            caller.get(f"/fal-ai/flux-1/requests/{job_id}/status", params={"logs": 1})
    with mine.client(authorization=f"Bearer {ours['admin_key']}") as admin:
        for name in (*ADMINS, *(f"jobs/{job_id}" for job_id in jobs)):
            admin.get(f"/api/admin/{name}")
        for path in OPEN:
            admin.get(path)


def told_where(mine: Mine) -> set[tuple[str, int]]:
    """Every method and path that was asked, with every status that it had."""
    return {(answer.place, answer.status) for answer in mine.answers}


def rows(mine: Mine) -> str:
    """Every row of every table, but for what callers and upstreams said."""
    database = mine.gateway.database
    tables = database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found = [
        str(row["line"])
        for table in tables
        for row in database.rows(f"SELECT t::text AS line FROM {table['tablename']} t")
    ]
    texts = [
        bytes.fromhex(part).decode("latin-1")
        for line in found
        for part in re.findall(r"\\x([0-9a-f]+)", line)
    ]
    return "\n".join([*found, *texts])


def redis_values(mine: Mine) -> str:
    """Every key and value of the shared Redis."""
    client = mine.stores.redis
    # Not `dump`, which packs what is long.
    reading: dict[bytes | str, Callable[[bytes], object]] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"zset": lambda key: client.zrange(key, 0, -1),
        # Its time was over since it was named.
        b"none": lambda key: key,
    }
    return "\n".join(f"{key} {reading[client.type(key)](key)}" for key in client.scan_iter())


def family_of(directory: Path) -> list[int]:
    """The processes that work in this directory or below."""
    found = []
    for place in Path("/proc").iterdir():
        with suppress(OSError):
            if place.name.isdecimal() and str((place / "cwd").readlink()).startswith(str(directory)):
                found.append(int(place.name))
    return found


def whoever_lives(directory: Path) -> Iterator[tuple[int, tuple[str, str]]]:
    """The processes of this directory, each with what it was told; some end while they are asked."""
    for pid in family_of(directory):
        with suppress(OSError):
            yield pid, told_to(pid)


def told_to(pid: int) -> tuple[str, str]:
    """A process's command line, and its environment."""
    place = Path(f"/proc/{pid}")
    return tuple((place / name).read_bytes().decode("latin-1") for name in ("cmdline", "environ"))  # type: ignore[return-value] # two names, two texts
