"""A headless Chromium that a test speaks to over two pipes, with DevTools' own protocol."""

import json
import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Timer
from typing import Any, BinaryIO

from tests.support.debian import program, require

PACKAGE = "chromium"
BROWSER = program("chromium", "google-chrome")
# A browser that does not answer is ended, which closes its pipe.
PATIENCE_SECONDS = 240.0
SILENCE_SECONDS = 90.0
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


@contextmanager
def chromium(directory: Path, *, seconds: float = PATIENCE_SECONDS) -> Iterator[Tab]:
    """A new browser with a new profile, closed at the end of the block, or after so many seconds."""
    browser = require(BROWSER, PACKAGE, lost="the page was NOT shown in a real browser")
    commands_out, commands_in = os.pipe()
    answers_out, answers_in = os.pipe()
    # The browser reads commands from 3 and writes answers to 4.
    script = f'exec "$0" "$@" 3<&{commands_out} 4>&{answers_in}'
    profile = f"--user-data-dir={directory / 'profile'}"
    with (directory / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            ["/bin/bash", "-c", script, browser, *OPTIONS, profile, "about:blank"],
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
