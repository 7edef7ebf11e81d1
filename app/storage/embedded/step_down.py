"""Starts a program as a user that is not root and yet reaches what only root may enter.

PostgreSQL refuses to run as root, and initdb to run as a user without an entry in the user database. This
file is run by its path, as a program of its own, and then becomes the one it was asked to start::

    python -I -S step_down.py WAY UID GID DIRECTORY PROGRAM [ARGUMENT]...

`WAY` is `capability` (really become that user, keeping the one right to pass directories that are closed to
it) or `namespace` (stay who we are, but be seen by the program itself as that user).
"""

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522
# Reading suffices; container engines withhold that right from root but grant the larger one.
CAP_DAC_READ_SEARCH = 2
CAP_DAC_OVERRIDE = 1


def become_with_capability(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    """Becomes the user for good, keeping the right to enter every directory.

    Raises:
        OSError: this system, or the rights of this process, do not allow it.
    """
    # Also keeps access(2) from forgetting capabilities, by which initdb looks for its neighbours.
    _check(libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    try:
        _keep_only(libc, CAP_DAC_READ_SEARCH)
    except PermissionError:
        _keep_only(libc, CAP_DAC_OVERRIDE)


def _keep_only(libc: ctypes.CDLL, capability: int) -> None:
    mask = 1 << capability
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    # The low words of effective, permitted and inheritable, then the high words.
    sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    _check(libc.capset(header, sets))
    _check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0))


def appear_in_namespace(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    """Enters a user namespace in which this user's own files belong to the given user.

    Raises:
        OSError: user namespaces are switched off here.
    """
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    _check(libc.unshare(CLONE_NEWUSER))
    # The kernel takes a map of groups only from one who has given up changing them.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {outer_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {outer_gid} 1")


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def main(arguments: list[str]) -> None:
    """Steps down and becomes the program."""
    way, uid, gid, directory, *command = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    step_down = {"capability": become_with_capability, "namespace": appear_in_namespace}[way]
    step_down(libc, int(uid), int(gid))
    os.chdir(directory)
    os.execv(command[0], command)  # noqa: S606 # no shell is wanted, and the words are our own


if __name__ == "__main__":
    main(sys.argv[1:])
