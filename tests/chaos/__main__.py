"""`python -m tests.chaos --seconds 3600 --every 20`: exits with 1 if a promise was broken; logs are kept."""

import argparse
import sys
import tempfile
from pathlib import Path
from random import randrange

from tests.chaos.soak import soak


def main() -> int:
    """Runs it as it was asked for, and prints what came of it."""
    options = _options()
    directory = Path(tempfile.mkdtemp(prefix="fluxgate-chaos-"))
    _say(f"seed {options.seed}, logs in {directory}")
    verdict = soak(
        directory,
        seconds=options.seconds,
        every=options.every,
        seed=options.seed,
        say=_say,
        earlier=options.earlier and options.earlier.resolve(),
    )
    for line in verdict.lines():
        _say(line)
    _say(f"seed {options.seed}: {'BROKEN' if verdict.violations else 'every promise was kept'}")
    return 1 if verdict.violations else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600, help="how long things are broken")
    parser.add_argument("--every", type=float, default=20, help="seconds from one fault to the next")
    parser.add_argument("--seed", type=int, default=randrange(2**32), help="decides which fault comes when")
    parser.add_argument("--earlier", type=Path, help="an earlier release's tree, for every other process")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
