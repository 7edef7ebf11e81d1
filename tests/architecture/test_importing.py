"""Importing does nothing: no socket, thread, process or file comes of it, and no environment is needed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, app_modules

# Run in a process of its own; the interpreter itself reports what is done, whichever library does it.
WATCH = """
import _thread, importlib, os, sys, threading

SIDE_EFFECTS = (
    "socket.", "subprocess.", "os.fork", "os.posix_spawn", "os.exec", "os.mkdir", "os.remove", "os.rename",
    "os.putenv", "os.unsetenv", "_thread.start", "urllib.", "shutil.", "tempfile.",
)

def refuse(what):
    print(f"{importing[0]}: {what:.200}", flush=True)
    os._exit(1)

def watch(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if writes or event.startswith(SIDE_EFFECTS):
        refuse(f"{event} {arguments!r}")

importing = [""]
sys.path[:0] = sys.argv[1:2]
sys.addaudithook(watch)
# Python 3.11 does not report threads.
threading.Thread.start = _thread.start_new_thread = lambda *_: refuse("starts a thread")
before = os.listdir(".")
for name in sys.argv[2:]:
    importing[0] = name
    importlib.import_module(name)
tasks = "/proc/self/task"
if os.path.exists(tasks) and len(os.listdir(tasks)) > 1:
    refuse("a library started a thread of its own")
assert os.listdir(".") == before
"""

NAMES = [
    module.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for module in app_modules()
]


def import_all(root: Path, names: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-B", "-W", "error", "-c", WATCH, str(root), *names]
    return subprocess.run(
        command, cwd=directory, env={}, capture_output=True, text=True, check=False, timeout=30
    )


def test_importing_any_module_has_no_side_effect(tmp_path: Path) -> None:
    run = import_all(ROOT, NAMES, tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    "source",
    [
        "import socket; socket.socket()",
        "import socket; socket.getaddrinfo('localhost', 1)",
        "import threading; threading.Thread(target=lambda: None).start()",
        "import subprocess; subprocess.run(['true'])",
        "open('left-behind', 'w')",
        "import os; os.environ['FLUXGATE_X'] = '1'",
        "import os; os.environ['HOME']",
        "import warnings; warnings.warn('old', DeprecationWarning)",
    ],
)
def test_a_side_effect_is_caught(tmp_path: Path, source: str) -> None:
    (tmp_path / "busy_module.py").write_text(source)
    assert import_all(tmp_path, ["busy_module"], tmp_path).returncode != 0
