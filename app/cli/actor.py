"""Who makes a change on the command line, as the audit trail names them."""

import os
import pwd
import socket

LONGEST_ACTOR = 200


def command_line_actor() -> str:
    """`cli:user@host`, by the account that the process runs as: an environment can name anybody."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # Containers run as accounts that have no name.
        user = str(os.getuid())
    actor = f"cli:{user}@{socket.gethostname()}"
    return "".join(character for character in actor if character.isprintable())[:LONGEST_ACTOR]
