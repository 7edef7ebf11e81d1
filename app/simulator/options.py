"""What a simulated upstream can be told when it starts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Profile = Literal["fal", "quickrouter"]


@dataclass(frozen=True)
class SimulatorOptions:
    """The options of one simulated upstream.

    Attributes:
        run_seconds: how long one image of `fal-ai/flux-1/dev` runs; other models scale it.
        concurrency: how many jobs run at once; the rest wait in the queue.
        key: the only credential that is let in, as `Key` or as `Bearer`; None lets everybody in.
        profile: whose routes and URLs to show. `quickrouter` has no status, stream and cancel routes, hands
            out URLs on queue.fal.run, and takes `auto` as the app of a result.
        journal: a file of JSON lines that holds every acceptance and cancellation before it is answered, and
            from which the next start takes its jobs up again.
        fetch_images: whether the pictures that an input names are fetched; a job fails when they cannot be.
            Otherwise nobody looks at them.
    """

    run_seconds: float = 2.0
    concurrency: int = 8
    key: str | None = None
    profile: Profile = "fal"
    journal: Path | None = None
    fetch_images: bool = False
