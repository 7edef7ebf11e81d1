"""What a newcomer needs to begin: a simulated upstream, an admin key, a first key, and a line to paste."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click
import orjson
from pydantic import SecretStr

from app.admin.context import AdminContext
from app.admin.create_key import create_key
from app.admin.create_team import create_team
from app.admin.limits import NewKey, NewTeam
from app.callers.admin_key import make_admin_key
from app.cli.actor import command_line_actor
from app.cli.stores import admin_context
from app.errors import Conflict, StartupError
from app.settings import Settings

FIRST_TEAM = "first-team"
FIRST_KEY = "first-key"
SIMULATOR_STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """What was made at this start and is shown once; None for what was there already."""

    admin_key: str | None
    caller_key: str | None


async def prepare(settings: Settings, *, with_caller_key: bool) -> FirstSteps:
    """Makes the admin key unless one is set or was made before, and a first caller key if asked for."""
    async with admin_context(settings) as admin:
        admin_key = None if settings.admin_key is not None else await make_admin_key(admin.callers)
        caller_key = await _make_first_key(admin) if with_caller_key else None
    return FirstSteps(admin_key, caller_key)


async def _make_first_key(admin: AdminContext) -> str | None:
    actor = command_line_actor()
    try:
        await create_team(admin, actor, NewTeam(name=FIRST_TEAM))
    except Conflict:
        return None
    key = await create_key(admin, actor, NewKey(team=FIRST_TEAM, name=FIRST_KEY))
    return str(key["key"])


@contextmanager
def simulated_upstream(settings: Settings) -> Iterator[Settings]:
    """Settings that point at a simulator, run as a child process until the block ends.

    Its jobs are kept in a journal under the data directory, and it listens where it listened before, so
    that yesterday's pictures are still there.
    """
    journal, port_file = settings.data_dir / "simulator.jsonl", settings.data_dir / "simulator.port"
    port = _free_port(port_file.read_text() if port_file.exists() else "")
    command = [sys.executable, "-m", "app.simulator", "--exit-with-parent", "--journal", str(journal)]
    command += ["--port", str(port)]
    # In a session of its own Ctrl-C does not reach it before the gateway has finished with it.
    with subprocess.Popen(  # noqa: S603 # our own module by our own interpreter
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as child:
        try:
            line = child.stdout.readline() if child.stdout else b""
            if not line:
                raise StartupError("the built-in simulator did not start; its own message is above")
            port_file.write_text(str(orjson.loads(line)["port"]))
            address = f"http://127.0.0.1:{port_file.read_text()}"
            yield settings.model_copy(
                update={
                    "upstream_url": address,
                    "upstream_key": SecretStr("simulator"),
                    "upstream_profile": "fal",
                }
            )
        finally:
            child.terminate()
            child.wait(SIMULATOR_STOP_SECONDS)


def _free_port(wanted: str) -> int:
    """The port that was used before, if nobody else has taken it meanwhile; else 0 for any."""
    if not wanted.isdecimal():
        return 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(wanted)))
        except (OSError, OverflowError):
            return 0
    return int(wanted)


def welcome(settings: Settings, steps: FirstSteps, public_url: str, *, is_simulated: bool) -> None:
    """Says where the gateway is, what stands behind it, and how to send it a first job."""
    click.echo(f"Fluxgate serves on {public_url}")
    click.echo(f"Console and playground: {public_url}/console (sign in with a key)")
    if is_simulated:
        click.echo(
            "No FLUXGATE_UPSTREAM_KEY is set: the upstream is the built-in simulator, nothing is paid."
        )
    else:
        click.echo(f"The upstream is {settings.upstream_url} ({settings.upstream_profile} profile).")
    if steps.admin_key:
        click.echo(f"\nAdmin key, shown this once:   {steps.admin_key}")
    if steps.caller_key:
        click.echo(f"Caller key, shown this once:  {steps.caller_key}")
        click.echo(f"\nSend a first job:\n\n{_curl(public_url, steps.caller_key)}\n")
    elif is_simulated:
        click.echo(f"More keys: .venv/bin/fluxgate keys create --team {FIRST_TEAM} --name NAME")
    sys.stdout.flush()


def _curl(public_url: str, key: str) -> str:
    body = '{"prompt": "A lighthouse on a cliff at dawn, soft light", "image_size": "landscape_4_3"}'
    return (
        f"  curl {public_url}/fal-ai/flux-1/dev -H 'Authorization: Bearer {key}' "
        f"-H 'Content-Type: application/json' -d '{body}'\n\n"
        f"then ask for the result with the answer's response_url:\n\n"
        f"  curl -H 'Authorization: Bearer {key}' {public_url}/fal-ai/flux-1/requests/REQUEST_ID"
    )
