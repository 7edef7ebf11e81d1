"""A wrong setting stops the start with one line that names it, and no secret is ever shown."""

from pathlib import Path

import pytest

from app.settings import Settings
from tests.conftest import StartGateway
from tests.support.processes import run_fluxgate
from tests.support.stores import PEPPER, UPSTREAM_KEY

SECRET = "5ecret-that-nobody-may-see"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("upstream_url", "ftp://example.com"),
        ("upstream_url", f"https://user:{SECRET}@example.com"),
        ("upstream_url", "https://example.com:99999"),
        ("upstream_url", "example.com"),
        ("upstream_key", f"{SECRET} with spaces"),
        ("upstream_key", f"{SECRET}ü"),
        ("upstream_profile", "openai"),
        ("database_url", f"mysql://user:{SECRET}@localhost/x"),
        ("database_url", f"postgresql://user:{SECRET}@localhost:port/x"),
        ("redis_url", f"http://:{SECRET}@localhost"),
        ("redis_url", f"redis://:{SECRET}@localhost:port"),
        ("public_url", "images.example.com"),
        ("public_url", "https://images.example.com/?a=b"),
        ("lease_seconds", "15"),
        ("upstream_timeout_seconds", "0"),
        ("body_limit_bytes", "1 MB"),
        ("bodies_limit_bytes", "24000000"),
        ("upstream_results_limit_bytes", "19000000"),
        ("worker_slots", "-1"),
        ("migrate_on_start", "perhaps"),
        ("log_level", "loud"),
        ("admin_key", f"{SECRET}\n"),
        ("vault_url", f"s3://key:{SECRET}@bucket"),
        ("vault_secret_key", SECRET),
        ("webhook_allowed_hosts", "hooks.internal:8080"),
        ("webhook_allowed_hosts", "https://hooks.internal"),
        ("webhook_allowed_hosts", "10.0.0.0/8"),
        ("webhook_allowed_hosts", "*"),
        ("webhook_signing_keys", SECRET),
        ("webhook_signing_keys", "AAAA"),
        ("webhook_signing_keys", "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=, "),
    ],
)
def test_a_wrong_setting_stops_the_start_in_one_line(tmp_path: Path, name: str, value: str) -> None:
    usable = {
        "upstream_key": "x",
        "database_url": "postgresql://127.0.0.1:1/x",
        "redis_url": "redis://127.0.0.1:1",
    }
    done = run_fluxgate(tmp_path, "serve", "--port", "0", settings={**usable, name: value})
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert f"FLUXGATE_{name.upper()}" in done.stderr
    assert SECRET not in done.stderr


def test_a_missing_upstream_key_stops_the_start_and_names_the_way_out(tmp_path: Path) -> None:
    usable = {"database_url": "postgresql://127.0.0.1:1/x", "redis_url": "redis://127.0.0.1:1"}
    done = run_fluxgate(tmp_path, "serve", "--port", "0", settings=usable)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "FLUXGATE_UPSTREAM_KEY" in line
    assert "make run" in line


def test_settings_come_from_a_file_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FLUXGATE_UPSTREAM_PROFILE=openai\n")
    done = run_fluxgate(tmp_path, "serve", "--port", "0")
    assert done.returncode == 1
    assert "FLUXGATE_UPSTREAM_PROFILE" in done.stderr


def test_secrets_do_not_show_in_repr_and_settings_do_not_change() -> None:
    secrets = {
        "upstream_key": SECRET,
        "admin_key": SECRET,
        "key_pepper": SECRET,
        "database_url": f"postgresql://flux:{SECRET}@db/flux",
        "redis_url": f"redis://:{SECRET}@cache",
    }
    settings = Settings.model_validate(secrets)
    assert SECRET not in repr(settings) + str(settings) + str(settings.model_dump())
    assert settings.upstream_key is not None
    assert settings.upstream_key.get_secret_value() == SECRET
    with pytest.raises(ValueError, match="frozen"):
        setattr(settings, "upstream_url", "https://elsewhere.example")  # noqa: B010 # mypy knows it too


def test_no_secret_shows_in_the_log_of_a_busy_gateway(start_gateway: StartGateway, prompt: str) -> None:
    gateway = start_gateway(log_level="debug")
    caller = gateway.caller()
    for trouble in ("", "[submit reset]", "[submit 401]", "[submit 422]", "[fail 500]", "[status reset 1]"):
        job_id = caller.job(f"{prompt} {trouble}") if "submit 4" not in trouble else ""
        answer = caller.submit(f"{prompt} {trouble}") if not job_id else caller.result(job_id)
        assert UPSTREAM_KEY not in answer.text + str(answer.headers)
    caller.post("/fal-ai/flux-1/dev", content=b"{")
    log = gateway.process.log() + gateway.get("/metrics").text
    assert all(secret not in log for secret in (UPSTREAM_KEY, PEPPER, caller.key, prompt))
    assert "job.moved" in log
