"""`fluxgate serve`."""

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import click
import structlog

from app.cli.first_steps import prepare, simulated_upstream, welcome
from app.cli.memory import give_large_blocks_back
from app.cli.open_files import raise_open_files
from app.cli.processes import watch_over
from app.cli.server import GatewayServer, listen
from app.cli.stores import ready_stores
from app.cli.tls import TlsFiles, find_tls_files
from app.errors import StartupError
from app.main import create_app
from app.operations.logging import configure_logging
from app.operations.tracing.tracing import check_traceable
from app.settings import Settings, load_settings
from app.upstream.opening import check_startable

WILDCARDS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 # compared with, not bound to

PEM_FILE = click.Path(path_type=Path)

log = structlog.get_logger()


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, help="0 takes a free port.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes.")
@click.option(
    "--metrics-port",
    type=click.IntRange(1, 65_000),
    help="The first process answers on this port too, the second on the next, and so on.",
)
@click.option("--no-worker", is_flag=True, help="Leave following jobs to `fluxgate worker`.")
@click.option("--tls-cert", type=PEM_FILE, help="Speak TLS with the certificate chain in this PEM file.")
@click.option("--tls-key", type=PEM_FILE, help="The certificate's private key, without a passphrase.")
@click.option(
    "--demo", is_flag=True, help="Use the built-in simulator unless an upstream key is set; make a first key."
)
def serve(
    *,
    host: str,
    port: int,
    workers: int,
    metrics_port: int | None,
    no_worker: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
    demo: bool,
) -> None:
    """Serve the API, and in the same process follow jobs."""
    tls = _tls_files(tls_cert, tls_key)
    with ExitStack() as stack:
        settings = stack.enter_context(ready_stores(exclusive=True))
        raise_open_files()
        is_simulated = demo and settings.upstream_key is None
        if is_simulated:
            settings = stack.enter_context(simulated_upstream(settings))
        check_startable(settings)
        check_traceable(settings)
        listener = stack.enter_context(listener_on(host, port))
        public_url = settings.public_url or _address(host, listener, is_tls=tls is not None)
        steps = asyncio.run(prepare(settings, with_caller_key=demo))

        def on_listening() -> None:
            welcome(settings, steps, public_url, is_simulated=is_simulated)

        serving = Serving(settings, public_url, with_worker=not no_worker, tls=tls)
        ports = [] if metrics_port is None else range(metrics_port, metrics_port + workers)
        own = [stack.enter_context(listener_on(host, port)) for port in ports]
        with suppress(KeyboardInterrupt):
            if workers == 1:
                serving.run([listener, *own], on_listening)
            else:
                on_listening()
                watch_over(workers, serving, listener, own)


@dataclass(frozen=True)
class Serving:
    """What one serving process does; it can be sent to another process."""

    settings: Settings
    public_url: str
    with_worker: bool
    takes_jobs: bool = True
    tls: TlsFiles | None = None

    def __call__(self, *listeners: socket.socket) -> None:
        """Serves in a process of its own."""
        configure_logging(self.settings.log_format, self.settings.log_level)
        signal.signal(signal.SIGTERM, _leave)
        with suppress(KeyboardInterrupt):
            self.run(listeners, lambda: None)

    def run(self, listeners: Sequence[socket.socket], on_listening: Callable[[], None]) -> None:
        """Serves until a signal comes.

        Raises:
            StartupError: the server did not come up; the log says why.
        """
        give_large_blocks_back()
        app = create_app(
            self.settings,
            public_url=self.public_url,
            with_worker=self.with_worker,
            takes_jobs=self.takes_jobs,
        )
        server = GatewayServer(app, on_listening, self.tls.context() if self.tls else None)
        server.run(sockets=list(listeners))
        if not server.started:
            raise StartupError("the gateway did not start; the line above says why")
        if server.has_died:
            raise StartupError("a background task ended by a fault; the line above says which")


def listener_on(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        StartupError: the address cannot be had.
    """
    try:
        return listen(host, port)
    except OSError as error:
        raise StartupError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error


def _tls_files(certificate: Path | None, key: Path | None) -> TlsFiles | None:
    """The files of the options, else those of the settings; they are looked at before anything starts."""
    settings = load_settings()
    return find_tls_files(certificate or settings.tls_cert_file, key or settings.tls_key_file)


def _address(host: str, listener: socket.socket, *, is_tls: bool) -> str:
    """The address to hand out; nobody can call a wildcard, and only the operator knows the right name."""
    if host in WILDCARDS:
        log.warning("public_url.unknown", host=host, remedy="set FLUXGATE_PUBLIC_URL; 127.0.0.1 is used")
        host = "127.0.0.1"
    name = f"[{host}]" if ":" in host else host
    scheme = "https" if is_tls else "http"
    return f"{scheme}://{name}:{listener.getsockname()[1]}"


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
