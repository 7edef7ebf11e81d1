"""How many connections and files a process may have open at once."""

import resource

import structlog

# More than the system gives one process by default, and where its limit is none at all.
ENOUGH = 1_048_576

log = structlog.get_logger()


def raise_open_files() -> None:
    """Takes as many as the system allows this process.

    What it gives unasked is often 1024, for the sake of programs of old that cannot count further; one key
    alone may have more callers waiting. Processes that this one starts are given the same.
    """
    before, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if allowed == resource.RLIM_INFINITY else min(allowed, ENOUGH)
    if before == resource.RLIM_INFINITY or before >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, allowed))
    except (OSError, ValueError) as error:
        log.warning("open_files.kept", limit=before, error=str(error))
        return
    log.info("open_files.raised", before=before, limit=wanted)
