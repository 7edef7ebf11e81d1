import asyncio

from app.work.loop import Alarm

FAR = 3600.0


async def test_the_alarm_rings_for_what_is_due_first() -> None:
    alarm = Alarm()
    alarm.due_in(FAR)
    alarm.due_in(0.0)
    await asyncio.wait_for(alarm.wait(FAR), 10)


async def test_a_sleeper_is_woken_by_something_that_is_due_earlier() -> None:
    alarm = Alarm()
    alarm.due_in(FAR)
    sleeper = asyncio.ensure_future(alarm.wait(FAR))
    await asyncio.sleep(0)
    alarm.due_in(0.0)
    await asyncio.wait_for(sleeper, 10)


async def test_what_has_rung_does_not_ring_again_and_what_has_not_is_kept() -> None:
    alarm = Alarm()
    alarm.due_in(0.0)
    alarm.due_in(FAR)
    await alarm.wait(FAR)
    assert len(alarm._rings_at) == 1  # noqa: SLF001 # the rest is only visible by waiting an hour


async def test_nobody_sleeps_longer_than_told() -> None:
    await asyncio.wait_for(Alarm().wait(0.01), 10)
