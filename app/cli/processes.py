"""Several serving processes on one socket, kept running by one that only watches."""

import multiprocessing
import socket
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

import structlog

RESTART_SECONDS = 1.0
STOP_SECONDS = 25.0

log = structlog.get_logger()


def watch_over(number: int, target: Callable[[socket.socket], None], listener: socket.socket) -> None:
    """Runs `target(listener)` in so many processes until this one is told to stop; starts dead ones anew."""
    context = multiprocessing.get_context("spawn")

    def start() -> SpawnProcess:
        process = context.Process(target=target, args=(listener,))
        process.start()
        return process

    processes = [start() for _ in range(number)]
    try:
        while True:
            wait([process.sentinel for process in processes])
            dead = [process for process in processes if not process.is_alive()]
            # One that dies at once every time must not take the machine with it.
            wait([process.sentinel for process in processes if process not in dead], RESTART_SECONDS)
            for process in dead:
                log.error("process.died", pid=process.pid, exit_code=process.exitcode)
                processes[processes.index(process)] = start()
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(STOP_SECONDS)
            process.kill()
