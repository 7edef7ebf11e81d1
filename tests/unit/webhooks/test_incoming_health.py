import asyncio

import pytest

from app.webhooks.incoming_health import TRUSTED_SECONDS, IncomingHealth, arrive
from app.webhooks.incoming_health_repository import IncomingHealthRepository


@pytest.mark.parametrize(
    ("heard", "missed", "expected"),
    [
        (None, None, False),
        (None, 5.0, False),
        (0.0, None, True),
        (100.0, None, True),
        (5.0, 100.0, True),
        (100.0, 5.0, False),
        (5.0, 5.0, False),
        (TRUSTED_SECONDS, None, False),
        (TRUSTED_SECONDS, 10 * TRUSTED_SECONDS, False),
    ],
)
def test_webhooks_are_relied_on_while_the_last_news_of_them_is_good(
    heard: float | None, missed: float | None, expected: bool
) -> None:
    assert arrive(heard, missed) == expected


class Notes(IncomingHealthRepository):
    """Notes that nobody has made yet; each question and each note takes until the test says so."""

    def __init__(self) -> None:
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_note = asyncio.Event()

    async def ages(self) -> dict[str, float]:
        self.is_asked.set()
        await self.may_answer.wait()
        return {}

    async def note(self, name: str) -> None:
        assert name
        await self.may_note.wait()


async def test_what_is_heard_while_the_notes_are_read_is_not_forgotten() -> None:
    notes = Notes()
    health = IncomingHealth(notes)
    reading = asyncio.create_task(health.run())
    await notes.is_asked.wait()
    notes.may_note.set()
    await health.heard()
    notes.may_answer.set()
    health.stop()
    await reading
    assert health.is_good


async def test_what_is_still_being_noted_is_not_forgotten() -> None:
    notes = Notes()
    health = IncomingHealth(notes)
    notes.may_answer.set()
    hearing = asyncio.create_task(health.heard())
    await asyncio.sleep(0)
    reading = asyncio.create_task(health.run())
    await asyncio.sleep(0)
    health.stop()
    await reading
    assert health.is_good
    notes.may_note.set()
    await hearing
