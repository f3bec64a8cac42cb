"""Tasks that call one store at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

T = TypeVar("T")

LEAST_ROUNDS = 60
MOST_ROUNDS = 5_000
ENOUGH_LOOKS = 100
LONG_ENOUGH = 0.03
TOO_LONG = 0.5


async def crowd(count: int, job: Callable[[int], Awaitable[T]]) -> list[T]:
    """Runs the job in ``count`` tasks at once; the first finding, or all they found."""
    tasks = [asyncio.ensure_future(job(number)) for number in range(count)]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def while_working(watchers: int, work: Callable[[int], Awaitable[None]], watch: Callable[[], Awaitable[None]]) -> None:
    """Runs ``work`` round after round in one task while others look on, also round after round: until they have looked between
    enough rounds, also on a busy machine, and no longer than a slow store can bear."""
    done, looks, is_over = 0, 0, False

    async def working() -> None:
        nonlocal done, is_over
        begun = monotonic()
        try:
            while not is_over:
                passed = monotonic() - begun
                is_seen = looks >= ENOUGH_LOOKS and passed > LONG_ENOUGH
                if done >= LEAST_ROUNDS and (is_seen or done >= MOST_ROUNDS or passed > TOO_LONG):
                    return
                await work(done)
                done += 1
                await asyncio.sleep(0)
        finally:
            is_over = True

    async def watching() -> None:
        nonlocal looks, is_over
        last = -1
        try:
            while not is_over:
                now = done
                await watch()
                looks += now != last
                last = now
                await asyncio.sleep(0)
        finally:
            is_over = True

    await crowd(watchers + 1, lambda number: working() if number == 0 else watching())
