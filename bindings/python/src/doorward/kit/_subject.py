"""The store under test, with the patience of a real caller: what is retryable is tried again within a bound, and whatever else
goes wrong is a finding."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import TypeVar

from ..store import AsyncStore, Batch, Change, Changes, Key, Range, Row, StoreFailure
from ._draft import Draft, row
from ._fixture import Fixture
from ._promise import Broken, ensure, show

T = TypeVar("T")

RETRYABLE_FOR = 20.0
"""How long a store may go on saying ``retryable`` before that counts as never answering, in seconds."""
UNSAID_FOR = 1.0
"""The same for an exception of its own, which counts as retryable where nothing is written."""
ALL = 1_000_000
"""More rows or entries than any check writes."""


class Subject:
    def __init__(self, store: AsyncStore) -> None:
        self.store = store

    @classmethod
    async def of(cls, fixture: Fixture) -> Subject:
        return cls(await fixture.open())

    async def read(self, keys: Sequence[Key]) -> list[Row | None]:
        rows = await _patiently("read", lambda: self.store.read(keys))
        ensure(len(rows) == len(keys), f"a read of {len(keys)} keys gave {len(rows)} rows")
        for asked, found in zip(keys, rows, strict=True):
            if found is not None:
                _well_typed(found)
                ensure(found.key == asked, f"asked for {asked}, read was the row of {found.key}")
        return list(rows)

    async def row(self, under: Key) -> Row | None:
        return (await self.read([under]))[0]

    async def present(self, under: Key) -> Row:
        """The row, which must be there."""
        found = await self.row(under)
        if found is None:
            raise Broken(f"{under} is not there")
        return found

    async def unchanged(self, under: Key, expected: Row | None) -> None:
        found = await self.row(under)
        ensure(found == expected, f"{under} stands as {show(found)}, not as {show(expected)}")

    async def commit(self, batch: Batch) -> bool:
        answer = await _patiently("commit", lambda: self.store.commit(batch), writes=True)
        ensure(isinstance(answer, bool), f"commit answered {answer!r}, which is neither True nor False")
        return answer

    async def apply(self, draft: Draft) -> None:
        """Commits what must apply."""
        batch = draft.batch()
        ensure(await self.commit(batch), f"a batch without a cause for conflict was refused: {batch}")

    async def refuse(self, draft: Draft) -> None:
        """Commits what must conflict."""
        batch = draft.batch()
        ensure(not await self.commit(batch), f"a batch whose expectation fails was applied: {batch}")

    async def create(self, given: Row | Key) -> Row:
        """Makes this row, or one with a content that no other has, and gives it as it must now stand."""
        draft = Draft()
        made = draft.stamped(row(given) if isinstance(given, Key) else given)
        await self.apply(draft.make(made))
        return made

    async def replace(self, seen: Row) -> Row:
        """Writes another content over the row, and gives it as it must now stand."""
        draft = Draft()
        put = draft.stamped(row(seen.key))
        await self.apply(draft.over(put, seen))
        return put

    async def delete(self, under: Key) -> None:
        await self.apply(Draft().delete(under))

    async def scan(self, kind: int, limit: int = ALL, *, owner: bytes | None = None, after: Key | None = None) -> list[Row]:
        rows = await _patiently("scan", lambda: self.store.scan(Range(kind, owner, after), limit))
        for found in rows:
            _well_typed(found)
        return list(rows)

    async def keys(self, kind: int, *, owner: bytes | None = None, after: Key | None = None) -> list[Key]:
        """The keys of a scan, in the store's order."""
        return [found.key for found in await self.scan(kind, owner=owner, after=after)]

    async def changes(self, after: int = 0, limit: int = ALL) -> Changes:
        return await _patiently("changes", lambda: self.store.changes(after, limit))

    async def journal(self) -> list[Change]:
        """The whole journal."""
        return list((await self.changes()).entries)

    async def purge(self, now: int, limit: int = ALL) -> int:
        return await _patiently("purge", lambda: self.store.purge(now, limit))

    async def purge_all(self, now: int) -> None:
        """Purges until the store says that nothing is left."""
        for _ in range(1_000):
            if await self.purge(now, 100) < 100:
                return
        raise Broken("purge goes on finding rows without end")


async def _patiently(what: str, call: Callable[[], Awaitable[T]], *, writes: bool = False) -> T:
    begun = monotonic()
    while True:
        try:
            return await call()
        except StoreFailure as failure:
            if failure.kind != "retryable" or monotonic() - begun > RETRYABLE_FOR:
                raise Broken(f"{what} failed as {failure.kind}: {failure}") from failure
        except Exception as error:
            if writes or monotonic() - begun > UNSAID_FOR:
                raise Broken(f"{what} raised {type(error).__name__}: {error}") from error
        await asyncio.sleep(0.001)


def _well_typed(found: Row) -> None:
    ensure(isinstance(found, Row), f"a {type(found).__name__} came back, and no doorward.store.Row")
    parts = (found.key.id, found.stamp, found.record, b"" if found.owner is None else found.owner)
    ensure(all(type(part) is bytes for part in parts), f"a part of a row is not bytes, as it was given: {found}")
    numbers = (found.key.kind, found.epoch, 0 if found.expires is None else found.expires)
    ensure(all(type(number) is int for number in numbers), f"a number of a row is no int, as it was given: {found}")
