"""Several serving processes on one socket, kept running by one that only watches."""

import multiprocessing
import socket
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

import structlog

RESTART_SECONDS = 1.0
STOP_SECONDS = 25.0

log = structlog.get_logger()


def watch_over(
    number: int,
    target: Callable[..., None],
    listener: socket.socket,
    own: Sequence[socket.socket] = (),
) -> None:
    """Runs `target(listener)` in so many processes until this one is told to stop; starts dead ones anew.

    Where each has a socket of its `own`, that is handed to it as well, and to whoever takes its place.
    """
    context = multiprocessing.get_context("spawn")

    def start(place: int) -> SpawnProcess:
        process = context.Process(target=target, args=(listener, *own[place : place + 1]))
        process.start()
        return process

    processes = [start(place) for place in range(number)]
    try:
        while True:
            wait([process.sentinel for process in processes])
            dead = [process for process in processes if not process.is_alive()]
            # One that dies at once every time must not take the machine with it.
            wait([process.sentinel for process in processes if process not in dead], RESTART_SECONDS)
            for process in dead:
                log.error("process.died", pid=process.pid, exit_code=process.exitcode)
                place = processes.index(process)
                processes[place] = start(place)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(STOP_SECONDS)
            process.kill()
