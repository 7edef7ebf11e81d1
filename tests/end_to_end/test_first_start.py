"""The first minutes of a new user: start, paste the printed lines, look at the picture."""

import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.support.caller import Caller
from tests.support.gateway import find_address, is_ready
from tests.support.processes import FLUXGATE, Child, run_fluxgate, running
from tests.support.waiting import until

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine")


@contextmanager
def demo(directory: Path) -> Iterator[Child]:
    """`make run` without the make: the gateway, its servers and its simulator in one directory."""
    with running(directory, FLUXGATE, "serve", "--demo", "--port", "0", is_installed=True) as process:
        until(lambda: is_ready(process, find_address(process), verify=True))
        yield process


def printed(process: Child, pattern: str) -> str:
    found = re.search(pattern, process.log())
    assert found, process.log()
    return found[1]


def paste(line: str) -> Any:
    """What the shell makes of a line that the gateway has printed."""
    done = subprocess.run(["sh", "-c", f"{line} -sS"], capture_output=True, check=True, timeout=60)
    return json.loads(done.stdout)


def result_of(caller: Caller, job_id: str) -> Any:
    caller.wait(job_id)
    return caller.result(job_id).raise_for_status().json()


@needs_curl
def test_the_printed_lines_make_a_picture_that_opens(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        job = paste(printed(process, r"(curl \S+/fal-ai/flux-1/dev .*)"))
        assert job["status"] == "IN_QUEUE"
        ask = printed(process, r"(curl .*/requests/REQUEST_ID)").replace("REQUEST_ID", job["request_id"])
        until(lambda: "images" in paste(ask))
        [image] = paste(ask)["images"]
        picture = Image.open(io.BytesIO(httpx.get(image["url"], trust_env=False, timeout=60).content))
        assert (picture.format, picture.size) == ("JPEG", (1024, 768))
        assert "simulator" in process.log()


def test_a_second_start_finds_yesterdays_jobs_and_shows_no_secret_again(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        key = printed(process, r"Caller key, shown this once: +(\S+)")
        assert printed(process, r"Admin key, shown this once: +(\S+)").startswith("fga_")
        with Caller(find_address(process), key) as caller:
            done, left = caller.job("a picture of yesterday"), caller.job("not looked at until today")
            yesterday = result_of(caller, done)
        assert process.stop() == 0
    with demo(tmp_path) as process, Caller(find_address(process), key) as caller:
        assert caller.result(done).json() == yesterday
        assert result_of(caller, left)["prompt"] == "not looked at until today"
        assert "shown this once" not in process.log()


def test_a_second_gateway_on_the_same_directory_says_so_and_leaves(tmp_path: Path) -> None:
    with demo(tmp_path) as first:
        second = run_fluxgate(tmp_path, "serve", "--demo", "--port", "0")
        assert second.returncode == 1
        assert second.stdout == ""
        [line] = second.stderr.splitlines()
        assert "already serving" in line
        assert str(first.pid) in line
        assert is_ready(first, find_address(first), verify=True)
