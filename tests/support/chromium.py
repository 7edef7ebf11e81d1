"""A headless Chromium that a test speaks to over two pipes, with DevTools' own protocol."""

import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from threading import Timer
from typing import Any, BinaryIO

import pytest

NAMES = ("chromium", "google-chrome")
MISSING = (
    "no Chromium is on this machine, and none could be installed: the page was NOT shown in a real browser"
)
# A browser that does not answer is ended, which closes its pipe.
PATIENCE_SECONDS = 60.0
SILENCE_SECONDS = 45.0
INSTALL = ("-y", "--no-install-recommends", "install", "chromium")
# The second time after the list of packages was fetched, which a fresh container does not have.
ATTEMPTS = ((INSTALL,), (("update",), INSTALL))
INSTALL_SECONDS = 300.0
PIPE_BYTES = 65_536
# Nothing but the test's own pages is asked for, and the sandbox does not start for root.
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)


class Tab:
    """One page in the browser.

    Attributes:
        events: what the browser told of the page meanwhile, oldest first.
    """

    def __init__(self, commands: BinaryIO, answers: BinaryIO) -> None:
        self.events: list[dict[str, Any]] = []
        self._commands = commands
        self._answers = answers
        self._read = b""
        self._numbers = count(1)
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")

    def open(self, address: str) -> None:
        """Goes to this address and waits until the page has loaded."""
        before = len(self.events)
        self.call("Page.navigate", url=address)
        self.until_loaded(since=before)

    def until_loaded(self, *, since: int) -> None:
        """Waits for a page that was loaded after the first so many events."""
        while not any(event["method"] == "Page.loadEventFired" for event in self.events[since:]):
            self._next()

    def run(self, script: str) -> Any:
        """The value of an expression in the page, or what the promise that it makes comes to."""
        done = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def call(self, method: str, **params: object) -> Any:
        """What the browser answers to a command of its own protocol."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": params}
        if self._session:
            command["sessionId"] = self._session
        self._commands.write(json.dumps(command).encode() + b"\0")
        while (message := self._next()).get("id") != number:
            pass
        assert "result" in message, message
        return message["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            is_told, _, _ = select.select([self._answers], [], [], SILENCE_SECONDS)
            assert is_told, f"the browser has said nothing for {SILENCE_SECONDS:g} s"
            piece = os.read(self._answers.fileno(), PIPE_BYTES)
            assert piece, "the browser has closed its pipe"
            self._read += piece
        message, _, self._read = self._read.partition(b"\0")
        found = json.loads(message)
        assert isinstance(found, dict)
        if "method" in found:
            self.events.append(found)
        return found


@cache
def require_program() -> str:
    """The browser of this machine; where none can be had the test is skipped, and says so."""
    path = find_or_install(os.environ.get("PATH", os.defpath))
    if path is None:
        pytest.skip(MISSING)
    return path


def find_or_install(path: str) -> str | None:
    """A browser on this search path; root has Debian's installed where there is none."""
    with (Path(tempfile.gettempdir()) / f"fluxgate-chromium-{os.geteuid()}.lock").open("w") as lock:
        # Other test workers look for it at the same time.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _find(path) or (_install(path) if os.geteuid() == 0 else None)


def _find(path: str) -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name, path=path))), None)


def _install(path: str) -> str | None:
    packager = shutil.which("apt-get", path=path)
    if packager is None:
        return None
    variables = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for steps in ATTEMPTS:
        for step in steps:
            with suppress(subprocess.TimeoutExpired):
                subprocess.run(
                    [packager, *step],
                    env=variables,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    check=False,
                    timeout=INSTALL_SECONDS,
                )
        if (found := _find(path)) is not None:
            return found
    return None


@contextmanager
def chromium(directory: Path, *, seconds: float = PATIENCE_SECONDS) -> Iterator[Tab]:
    """A new browser with a new profile, closed at the end of the block, or after so many seconds."""
    program = require_program()
    commands_out, commands_in = os.pipe()
    answers_out, answers_in = os.pipe()
    # The browser reads commands from 3 and writes answers to 4.
    script = f'exec "$0" "$@" 3<&{commands_out} 4>&{answers_in}'
    profile = f"--user-data-dir={directory / 'profile'}"
    with (directory / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            ["/bin/bash", "-c", script, program, *OPTIONS, profile, "about:blank"],
            pass_fds=(commands_out, answers_in),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    os.close(commands_out)
    os.close(answers_in)
    watch = Timer(seconds, process.kill)
    watch.start()
    with os.fdopen(commands_in, "wb", 0) as commands, os.fdopen(answers_out, "rb") as answers:
        try:
            yield Tab(commands, answers)
        finally:
            watch.cancel()
            process.kill()
            process.wait()
