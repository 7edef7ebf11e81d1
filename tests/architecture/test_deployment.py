"""The image and the compose file, as far as they can be checked without an engine."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.entry import fluxgate
from app.cli.server import KEEP_ALIVE_SECONDS
from app.settings import PREFIX, Settings
from tests.architecture.dockerfile import (
    VARIABLE,
    MissingVariableError,
    Stage,
    copied,
    interpolate,
    is_ignored,
    read_stages,
)
from tests.architecture.source import ROOT, app_modules

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
ENV_EXAMPLE = dict(
    line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if re.match(r"\w+=", line)
)
NGINX = (ROOT / "deploy" / "nginx.conf").read_text()
IGNORED = [
    line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")
]
SECRETS = ("KEY", "PEPPER", "PASSWORD")
FILLED_IN = ENV_EXAMPLE | {name: "x" * 40 for name in ENV_EXAMPLE if name.endswith(SECRETS)}
OURS = ("api", "worker", "migrate")
STOP_SECONDS = 25


def stages() -> list[Stage]:
    return read_stages((ROOT / "Dockerfile").read_text())


def services(variables: dict[str, str] = FILLED_IN) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(interpolate(COMPOSE_TEXT, variables))["services"]
    return found


def is_a_command(words: list[str]) -> bool:
    """Parses as the command line would, and stops there."""
    name, *arguments = words
    with fluxgate.commands[name].make_context(name, arguments):
        return True


# The image


def test_the_image_takes_what_there_is() -> None:
    for source in copied(stages()[0]):
        assert (ROOT / source).exists(), f"COPY {source}: there is no such file"
        assert not is_ignored(source, IGNORED), f"COPY {source}: .dockerignore keeps it from the engine"


@pytest.mark.parametrize("path", [".env", ".git/config", "data/secrets/key_pepper", ".venv/x", "tests/x.py"])
def test_secrets_and_what_is_not_needed_stay_outside(path: str) -> None:
    assert is_ignored(path, IGNORED)


def test_the_final_stage_installs_nothing() -> None:
    build, final = stages()
    assert build.base == final.base == "python:3.13-slim"
    assert not copied(final), "the final stage takes everything from the build stage"
    assert [words.split()[0] for words in final.all("COPY")] == [f"--from={build.name}"]
    runs = " ".join(final.all("RUN"))
    assert not re.search(r"apt-get|\bpip install|curl |wget |gcc", runs)


def test_packages_come_from_locks_alone() -> None:
    installs = [
        command for run in stages()[0].all("RUN") for command in run.split("&&") if " install " in command
    ]
    assert installs
    for command in installs:
        assert "--require-hashes" in command or "--no-deps --no-index" in command, command


def test_the_image_runs_as_a_user_with_a_fixed_number() -> None:
    user, group = stages()[-1].all("USER")[-1].split(":")
    assert int(user) >= 10_000
    assert int(group) >= 10_000
    assert f"--uid {user} --gid {group}" in " ".join(stages()[-1].all("RUN"))


def test_the_image_starts_a_command_that_exists() -> None:
    final = stages()[-1]
    [script] = final.words("ENTRYPOINT")
    assert script in PROJECT["project"]["scripts"]
    assert is_a_command(final.words("CMD"))
    assert final.all("STOPSIGNAL") == ["SIGTERM"]
    ports = [option.default for option in fluxgate.commands["serve"].params if option.name == "port"]
    assert [int(port) for port in final.all("EXPOSE")] == ports


def test_the_image_watches_its_health() -> None:
    [check] = stages()[-1].all("HEALTHCHECK")
    words = ast.literal_eval(check.partition("CMD ")[2])
    ast.parse(words[-1])
    assert words[0] == "python"
    assert "/livez" in words[-1]
    assert any("/livez" in module.text for module in app_modules() if "dialects" in module.path)


def test_the_build_tools_are_those_of_the_lock() -> None:
    locked = requirement_blocks("requirements/all.txt")
    tools = requirement_blocks("deploy/build.txt")
    assert set(PROJECT["build-system"]["requires"]) <= set(tools)
    for name, block in tools.items():
        assert block == locked[name], (
            f"copy the lines of {name} from requirements/all.txt to deploy/build.txt"
        )


def test_the_image_needs_no_embedded_server_and_no_test_tool() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    deployed = requirement_blocks("requirements/deploy.txt")
    unwanted = [*extras["embedded"], *extras["dev"]]
    assert not deployed.keys() & {name.split("[")[0] for name in unwanted}
    needed = [*PROJECT["project"]["dependencies"], *extras["traces"]]
    wanted = {re.split(r"[\[;<>= ]", name)[0] for name in needed}
    assert wanted <= deployed.keys(), "run `make lock`"


def test_what_is_installed_has_the_pages(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", str(ROOT))
    subprocess.run([*command, "--wheel-dir", str(tmp_path)], check=True, timeout=60, stdin=subprocess.DEVNULL)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    files = [*(ROOT / "app" / "console").rglob("*.*"), *(ROOT / "migrations").glob("versions/*.py")]
    wanted = {str(file.relative_to(ROOT)) for file in files if "__pycache__" not in file.parts}
    assert wanted <= packed


def requirement_blocks(path: str) -> dict[str, list[str]]:
    """Each package with its version and hashes."""
    lines = [line for line in (ROOT / path).read_text().splitlines() if not line.strip().startswith("#")]
    blocks: dict[str, list[str]] = {}
    for line in lines:
        if not line.startswith(" "):
            name = re.split(r"[\[=]", line)[0]
            blocks[name] = []
        blocks[name].append(line.strip(" \\"))
    return blocks


# The compose file


def test_every_variable_is_a_setting() -> None:
    settings = {PREFIX + name.upper() for name in Settings.model_fields}
    env = " ".join(arguments for stage in stages() for arguments in stage.all("ENV"))
    named = {
        *re.findall(r"\bFLUXGATE_[A-Z_]+", COMPOSE_TEXT),
        *re.findall(r"\bFLUXGATE_[A-Z_]+", env),
        *(name for name in ENV_EXAMPLE if name.startswith(PREFIX)),
    }
    assert named <= settings, f"not a setting: {sorted(named - settings)}"


def test_every_variable_of_the_compose_file_is_in_the_example() -> None:
    assert {match["name"] for match in VARIABLE.finditer(COMPOSE_TEXT)} == set(ENV_EXAMPLE)


def test_the_example_holds_no_secret() -> None:
    assert not [name for name, value in ENV_EXAMPLE.items() if name.endswith(SECRETS) and value]


@pytest.mark.parametrize("name", [name for name in ENV_EXAMPLE if name.endswith(SECRETS)])
def test_a_secret_that_is_not_set_stops_everything(name: str) -> None:
    with pytest.raises(MissingVariableError, match=name):
        services(FILLED_IN | {name: ""})


@pytest.mark.parametrize("name", OURS)
def test_each_process_gets_settings_that_hold_together(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in services()[name]["environment"].items():
        monkeypatch.setenv(variable, value)
    settings = Settings(_env_file=None)
    assert settings.database_url is not None
    assert settings.redis_url is not None
    assert settings.key_pepper is not None
    assert settings.migrate_on_start is False


@pytest.mark.parametrize("name", OURS)
def test_each_process_is_a_command_with_few_rights(name: str) -> None:
    service = services()[name]
    assert is_a_command(service["command"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in service, "the image's own"
    assert int(service["stop_grace_period"].removesuffix("s")) > STOP_SECONDS
    assert service["image"] == f"fluxgate:{PROJECT['project']['version']}"


def test_there_are_two_replicas_one_worker_and_one_migration() -> None:
    found = services()
    assert found["api"]["deploy"]["replicas"] == 2
    assert "--no-worker" in found["api"]["command"]
    assert found["worker"]["command"][0] == "worker"
    for name in ("api", "worker"):
        assert found[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert found[name]["restart"] == "unless-stopped"
    assert found["migrate"]["restart"] == "no"


def test_nobody_outside_reaches_the_stores() -> None:
    compose = yaml.safe_load(interpolate(COMPOSE_TEXT, FILLED_IN))
    assert compose["networks"]["stores"]["internal"] is True
    for name, service in compose["services"].items():
        assert ("ports" in service) == (name == "nginx"), f"{name}: only nginx is published"
        assert set(service["networks"]) <= set(compose["networks"])
    assert (
        compose["services"]["postgres"]["networks"] == compose["services"]["redis"]["networks"] == ["stores"]
    )
    assert "stores" not in compose["services"]["nginx"]["networks"]
    assert compose["services"]["nginx"]["ports"][0].startswith("127.0.0.1:")
    assert "healthcheck" in compose["services"]["postgres"]


# nginx


def test_nginx_knows_the_replicas_and_is_published() -> None:
    [port] = stages()[-1].all("EXPOSE")
    assert f"server api:{port} resolve" in NGINX
    [listens_on] = re.findall(r"listen (\d+)", NGINX.split("http {")[1])
    nginx = services()["nginx"]
    assert nginx["ports"][0].endswith(f":{listens_on}")
    assert f":{listens_on}/livez" in nginx["healthcheck"]["test"][-1]
    assert "./deploy/nginx.conf:/etc/nginx/nginx.conf:ro" in nginx["volumes"]


def test_nginx_lets_through_what_the_gateway_takes() -> None:
    [megabytes] = re.findall(r"client_max_body_size (\d+)m;", NGINX)
    assert int(megabytes) * 1_000_000 > Settings.model_fields["image_body_limit_bytes"].default
    for name, timer in (("head", "header"), ("body", "body")):
        seconds = Settings.model_fields[f"client_{name}_timeout_seconds"].default
        assert f"client_{timer}_timeout {seconds:.0f}s;" in NGINX
    [kilobytes] = re.findall(r"large_client_header_buffers \d+ (\d+)k;", NGINX)
    assert int(kilobytes) * 1024 >= Settings.model_fields["header_limit_bytes"].default
    [minutes] = re.findall(r"location ~ \^/\(\?:run/.*?proxy_read_timeout (\d+)m;", NGINX, re.DOTALL)
    assert int(minutes) * 60 > Settings.model_fields["sync_wait_seconds"].default
    # What a caller says of where it comes from is thrown away, not added to.
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in NGINX
    [idle] = re.findall(r"upstream fluxgate \{.*?keepalive_timeout (\d+)s;", NGINX, re.DOTALL)
    assert int(idle) < KEEP_ALIVE_SECONDS
    [stream] = re.findall(r"location ~ /status/stream\$ \{(.*?)\}", NGINX, re.DOTALL)
    assert "proxy_buffering off;" in stream


def test_nginx_repeats_no_submit() -> None:
    assert not re.search(r"proxy_next_upstream [^;]*non_idempotent", NGINX)


@pytest.mark.skipif(shutil.which("nginx") is None, reason="there is no nginx on this machine")
def test_nginx_reads_its_configuration(tmp_path: Path) -> None:
    """`resolve` needs a newer nginx than most machines have, so it is left out of what is checked."""
    text = NGINX.replace("server api:8000 resolve", "server 127.0.0.1:8000").replace("/tmp/", f"{tmp_path}/")
    (tmp_path / "nginx.conf").write_text(text)
    command = ["nginx", "-t", "-e", "stderr", "-c", str(tmp_path / "nginx.conf")]
    check = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    assert check.returncode == 0, check.stderr
    assert "[warn]" not in check.stderr.replace('[warn] the "user" directive', "")


# The small readers above


def test_a_dockerfile_is_read_as_an_engine_reads_it() -> None:
    text = "FROM a AS one\n# no\nRUN x \\\n # inside\n    && y\nCOPY p q ./\n"
    text += 'FROM b\nCOPY --from=one /x /y\nCMD ["a"]\n'
    one, two = read_stages(text)
    assert one == Stage("a", "one", [("RUN", "x && y"), ("COPY", "p q ./")])
    assert copied(one) == ["p", "q"]
    assert copied(two) == []
    assert two.words("CMD") == ["a"]


def test_variables_are_replaced_as_compose_does() -> None:
    assert interpolate("${A}-${B:-b}-${C:-c}", {"A": "1", "C": ""}) == "1-b-c"
    with pytest.raises(MissingVariableError):
        interpolate("${A:?set it}", {})
