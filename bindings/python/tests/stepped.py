"""Operations of an AsyncEngine on stores that cancel, fail, or answer what is none."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from conftest import AUDIENCE
from memory_store import MemoryStore
from worlds import NOW, POLICY, AsyncWorld, methods, parameters

from doorward import AsyncEngine

KEY, PEPPERS = bytes(range(32)), [(1, bytes(range(32)))]
CALLS = ("read", "scan", "commit", "changes", "purge")

Happening = Callable[["Disturbed", str, tuple[Any, ...]], Awaitable[Any]]


class Disturbed(MemoryStore):
    """A store to whose calls something happens, from a certain one on, or to that alone."""

    happens: Happening | None = None
    at = 0
    """How many calls there are before."""
    is_once = True
    made = 0
    """How many calls there were since then."""

    def __getattribute__(self, name: str) -> Any:
        return super().__getattribute__("_called")(name) if name in CALLS else super().__getattribute__(name)

    def _called(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any) -> Any:
            self.made += 1
            is_disturbed = self.made == self.at + 1 if self.is_once else self.made > self.at
            if self.happens is not None and is_disturbed:
                return await self.happens(self, name, arguments)
            return await self.undisturbed(name, *arguments)

        return call

    async def undisturbed(self, name: str, *arguments: Any) -> Any:
        await asyncio.sleep(0)
        return await getattr(MemoryStore, name)(self, *arguments)

    def disturb(self, happens: Happening, at: int, *, is_once: bool = True) -> None:
        self.happens, self.at, self.is_once, self.made = happens, at, is_once, 0


class Rows:
    """What somebody who is logged in has left in a store, to begin with again and again."""

    def __init__(self) -> None:
        self.world = AsyncWorld()
        self.world.close()

    def store(self) -> Disturbed:
        store, kept = Disturbed(), self.world.store
        store.rows, store.journal, store.end = dict(kept.rows), list(kept.journal), kept.end
        return store

    async def opened(self, store: MemoryStore, **settings: Any) -> AsyncEngine:
        given: dict[str, Any] = {"policy": POLICY, "audience": AUDIENCE, "clock": "manual", "now": NOW, **settings}
        return await AsyncEngine.open(store, master_key=KEY, peppers=PEPPERS, **given)

    def operations(self) -> dict[str, dict[str, Any]]:
        """Every coroutine of the engine, with arguments that it takes."""
        names = [name for name in methods(AsyncEngine) if inspect.iscoroutinefunction(getattr(AsyncEngine, name))]
        return {
            name: {parameter: self.world.valid(name, parameter) for parameter in parameters(AsyncEngine, name)}
            for name in names
            if name != "close"
        }
