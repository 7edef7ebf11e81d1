"""Where the browser of the tests comes from: the machine, else its packages, else nowhere."""

import os
from pathlib import Path

import pytest

from tests.support.chromium import BROWSER, PACKAGE
from tests.support.debian import find_or_install

PACKAGER = """#!/bin/sh
echo "$@" >> {log}
case "$*" in
  update) touch {lists} ;;
  *chromium) test -e {lists} && printf '#!/bin/sh\\n' > {browser} && chmod +x {browser} ;;
esac
"""
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root installs packages")


def put_packager(directory: Path) -> None:
    """An `apt-get` that knows of no package before it has fetched its lists."""
    places = {name: directory / name for name in ("log", "lists")}
    script = PACKAGER.format(browser=directory / "chromium", **places)
    put_program(directory / "apt-get", script)


def put_program(path: Path, script: str = "#!/bin/sh\n") -> None:
    path.write_text(script)
    path.chmod(0o755)


def test_a_browser_that_is_there_is_taken(tmp_path: Path) -> None:
    put_program(tmp_path / "google-chrome")
    put_packager(tmp_path)
    assert find_or_install(BROWSER, PACKAGE, str(tmp_path)) == str(tmp_path / "google-chrome")
    assert not (tmp_path / "log").exists()


@only_root
def test_else_it_is_installed(tmp_path: Path) -> None:
    put_packager(tmp_path)
    assert find_or_install(BROWSER, PACKAGE, str(tmp_path)) == str(tmp_path / "chromium")
    tries = (tmp_path / "log").read_text().splitlines()
    assert [words.split()[-1] for words in tries] == ["chromium", "update", "chromium"]


@only_root
def test_where_it_cannot_be_installed_there_is_none(tmp_path: Path) -> None:
    put_program(tmp_path / "apt-get", "#!/bin/sh\nexit 100\n")
    assert find_or_install(BROWSER, PACKAGE, str(tmp_path)) is None
    (tmp_path / "apt-get").unlink()
    assert find_or_install(BROWSER, PACKAGE, str(tmp_path)) is None
