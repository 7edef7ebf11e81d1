"""The reference front proxy as a child process: nginx with `deploy/nginx.conf`, other addresses and paths."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.ports import free_port
from tests.support.processes import ROOT, running
from tests.support.waiting import until
from tests.support.wire import exchange

CONFIGURATION = ROOT / "deploy" / "nginx.conf"
FAILS = "max_fails=0;"
NGINX = shutil.which("nginx") or ""


@contextmanager
def in_front_of(directory: Path, *addresses: str) -> Iterator[str]:
    """The address of an nginx in front of one gateway, or of several replicas."""
    port = free_port()
    text = CONFIGURATION.read_text()
    for given, own in (
        # `resolve` needs a newer nginx than most machines have.
        (
            f"server api:8000 resolve {FAILS}",
            " ".join(f"server {urlsplit(a).netloc} {FAILS}" for a in addresses),
        ),
        ("listen 8080 default_server", f"listen 127.0.0.1:{port} default_server"),
        ("/tmp/", f"{directory}/"),
        ("/dev/stdout", f"{directory}/access.log"),
        ("worker_processes auto", "worker_processes 1"),
    ):
        assert given in text, f"{CONFIGURATION.name} does not hold `{given}` any more"
        text = text.replace(given, own)
    (directory / "nginx.conf").write_text(text)
    front = f"http://127.0.0.1:{port}"
    # Started by root, its worker would be somebody who may not look into this directory.
    whose = "user root;" if os.geteuid() == 0 else ""
    command = [NGINX, "-e", "stderr", "-g", f"daemon off; {whose}", "-c", str(directory / "nginx.conf")]
    with running(directory, *command) as nginx:
        until(lambda: not nginx.is_running or _answers(front))
        assert nginx.is_running, nginx.log()
        yield front


def _answers(front: str) -> bool:
    try:
        return exchange(front, b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status == 200
    except ConnectionRefusedError:
        return False
