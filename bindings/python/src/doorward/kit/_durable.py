"""What a kill or a power cut leaves, and what may be seen before it is safe."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Literal, TypeVar

from ..store import AsyncStore, Change, Key, Range, Row, StoreFailure
from ._draft import SESSION, Draft, account, row, session
from ._fixture import Fixture, Medium
from ._promise import Broken, NotAsked, ensure, show
from ._subject import ALL, Subject

T = TypeVar("T")
Flight = Literal["waiting", "answered"]


async def survives_a_kill(fixture: Fixture) -> None:
    await _survives(await Subject.of(fixture), lambda: _reopened(fixture))


async def relaxed_survives_a_kill(fixture: Fixture) -> None:
    """A touch that every kill undid would end sessions that were in use."""
    store = await Subject.of(fixture)
    for number in range(5):
        draft = Draft(durable=False)
        put = draft.stamped(row(session(number)))
        await store.apply(draft.make(put))
        found = await Subject(await _reopened(fixture)).row(put.key)
        ensure(found == put, f"a kill undid a batch that is not durable: {show(found)}")


async def survives_a_power_cut(fixture: Fixture) -> None:
    store, medium = await _on_a_medium(fixture)
    await _survives(store, medium.cut_power)
    # A sync that never comes back: the commit must not have answered meanwhile, or the batch must be safe.
    draft = Draft().make(row(session(900)))

    async def meanwhile(flight: Flight) -> None:
        if flight == "answered":
            found = await Subject(await medium.cut_power()).row(session(900))
            ensure(found is not None, "a commit answered before any sync, and a power cut undid the batch")

    await _with_commit_in_flight(store, medium, draft, meanwhile)


async def _survives(store: Subject, image: Callable[[], Awaitable[AsyncStore]]) -> None:
    """Commits of every form of write, with an image after each: everything that was applied must be in it, and it must go on as
    the same store."""
    lifted = account(1)
    written = [lifted]
    await store.create(lifted)
    for lap in range(8):
        kept, beside = session(lap * 2), session(lap * 2 + 1)
        draft = Draft().make(row(kept)).ends(lap).make(row(beside)).lift(lifted).ends_epoch(lifted)
        if written[-1] != lifted:
            draft.delete(written[-1])
        await store.apply(draft)
        written += [kept, beside]
        if lap % 2 == 0:
            await store.apply(Draft().delete(kept).lift(lifted).ends(100 + lap))
        found = Subject(await image())
        _same(await _everything(store, written), await _everything(found, written))
        end = (await found.changes()).end
        await found.apply(Draft().make(row(session(500))).ends(500))
        entries = (await found.changes(end)).entries
        ensure(len(entries) == 1, f"after a reopening a follower sees {entries} of one new entry")


@dataclass
class _State:
    rows: list[Row | None]
    journal: list[Change]

    def __str__(self) -> str:
        return f"{show(self.rows)}, journal {self.journal}"


async def _everything(store: Subject, keys: list[Key]) -> _State:
    return _State(await store.read(keys), await store.journal())


def _same(applied: _State, found: _State) -> None:
    ensure(applied == found, f"applied was {applied}, the image holds {found}")


async def never_halved(fixture: Fixture) -> None:
    """Cuts the power while a batch of many rows waits for its sync, and kills the process there too."""
    store, medium = await _on_a_medium(fixture)
    lifted, gone = account(1), session(100)
    await store.create(lifted)
    await store.create(gone)
    keys = [session(number) for number in range(20)]
    draft = Draft().delete(gone).lift(lifted).ends(1)
    for under in keys:
        draft.make(row(under))
    draft.ends(2)

    async def images() -> list[tuple[int, int]]:
        found = [await medium.cut_power(), await fixture.reopen()]
        return [await _writes_done(Subject(image), keys, lifted, gone) for image in found if image is not None]

    during = await _with_commit_in_flight(store, medium, draft, lambda _: images())
    for done, of in [*during, *await images()]:
        ensure(done in (0, of), f"a crash left {done} of the {of} writes of a batch")


async def _writes_done(image: Subject, put: list[Key], lifted: Key, gone: Key) -> tuple[int, int]:
    """How many of the writes of that batch are done, and of how many."""
    there = await image.row(lifted)
    told = len(await image.journal())
    writes = [found is not None for found in await image.read(put)]
    writes += [there is not None and there.epoch > 0, await image.row(gone) is None, told > 0, told > 1]
    return sum(writes), len(writes)


async def barrier(fixture: Fixture) -> None:
    store, medium = await _on_a_medium(fixture)
    keys = [session(number) for number in range(5)]
    for under in keys:
        await store.apply(Draft(durable=False).make(row(under)))
    await store.apply(Draft())
    _same(await _everything(store, keys), await _everything(Subject(await medium.cut_power()), keys))


async def not_read_early(fixture: Fixture) -> None:
    async def shown(store: AsyncStore) -> bool:
        return any(await store.read([session(1)]))

    await _not_seen_early(fixture, "read", shown)


async def not_scanned_early(fixture: Fixture) -> None:
    async def shown(store: AsyncStore) -> bool:
        return bool(await store.scan(Range(SESSION, None, None), ALL))

    await _not_seen_early(fixture, "scan", shown)


async def not_told_early(fixture: Fixture) -> None:
    async def shown(store: AsyncStore) -> bool:
        page = await store.changes(0, ALL)
        return bool(page.entries) or page.end > 0

    await _not_seen_early(fixture, "changes", shown)


async def _not_seen_early(fixture: Fixture, call: str, shown: Callable[[AsyncStore], Awaitable[bool]]) -> None:
    """Looks at a row and an ending while their commit waits for its sync. To wait with it, or to fail, is as good an answer as
    to show the moment before."""
    store, medium = await _on_a_medium(fixture)
    draft = Draft().make(row(session(1))).ends(1)

    async def look() -> bool:
        try:
            return await shown(store.store) and medium.syncs_held() > 0
        except StoreFailure:
            return False

    async def meanwhile(flight: Flight) -> bool:
        if flight != "waiting":
            raise NotAsked("the commit did not wait for a sync: see what survives a power cut")
        looking = asyncio.ensure_future(look())
        await asyncio.wait([looking], timeout=0.3)
        medium.release_syncs()
        return await looking

    early = await _with_commit_in_flight(store, medium, draft, meanwhile)
    ensure(not early, f"{call} showed a durable batch while its sync was still held")
    ensure(await shown(store.store), f"{call} does not show a batch that was applied")


async def failed_sync(fixture: Fixture) -> None:
    store, medium = await _on_a_medium(fixture)
    keys = [session(1), session(2)]
    await store.create(keys[0])
    medium.fail_next_sync()
    try:
        answer = await store.store.commit(Draft().make(row(keys[1])).ends(1).batch())
        ensure(answer, "a failed sync is no conflict")
    except StoreFailure as failure:
        if failure.kind == "unknown":
            first = await _read_in_doubt(store, keys)
            # A commit that is not durable settles nothing, whether it is taken or not.
            relaxed = Draft(durable=False).make(row(session(3))).batch()
            await asyncio.gather(store.store.commit(relaxed), return_exceptions=True)
            second = await _read_in_doubt(store, keys)
            await store.apply(Draft().make(row(session(4))))
            now = await store.read(keys)
            for early in (first, second):
                said = f"after a failed sync a read gave {show(early)}, which became {show(now)}"
                ensure(early in (None, now), said)
        else:
            found = await store.row(keys[1])
            ensure(found is None, f"a commit that said that nothing was applied left {show(found)}")
    # Whatever is shown from here on is what a power cut leaves.
    shown, left = await _everything(store, keys), await _everything(Subject(await medium.cut_power()), keys)
    ensure(shown == left, f"after a failed sync reads show {shown}, and a power cut leaves {left}")
    ensure((shown.rows[1] is not None) == bool(shown.journal), f"a commit whose sync failed stands half: {shown}")


async def _read_in_doubt(store: Subject, keys: list[Key]) -> list[Row | None] | None:
    """What a read shows after a failed sync: nothing, or, from a store that has raised a barrier of its own, what stays."""
    try:
        return list(await store.store.read(keys))
    except StoreFailure as failure:
        ensure(failure.kind == "retryable", f"a read after a failed sync failed as {failure.kind}: {failure}")
        return None


async def _reopened(fixture: Fixture) -> AsyncStore:
    reopened = await fixture.reopen()
    if reopened is None:
        raise NotAsked("the fixture offers no `reopen`")
    return reopened


async def _on_a_medium(fixture: Fixture) -> tuple[Subject, Medium]:
    store = await Subject.of(fixture)
    if fixture.medium is None:
        raise NotAsked("the fixture offers no simulated medium")
    return store, fixture.medium


async def _with_commit_in_flight(
    store: Subject, medium: Medium, draft: Draft, meanwhile: Callable[[Flight], Awaitable[T]]
) -> T:
    """Starts the commit with syncs held, runs ``meanwhile`` when it waits there, then lets it through: it must apply."""
    medium.hold_syncs()
    commit = asyncio.ensure_future(store.commit(draft.batch()))
    try:
        begun = monotonic()
        while not medium.syncs_held() and not commit.done() and monotonic() - begun < 10:
            await asyncio.sleep(0.001)
        found = await meanwhile("answered" if commit.done() else "waiting")
    finally:
        medium.release_syncs()
        answer = (await asyncio.gather(commit, return_exceptions=True))[0]
    if isinstance(answer, BaseException):
        raise answer if isinstance(answer, Broken) else Broken(f"the commit failed: {answer}")
    ensure(answer, "a batch without a cause for conflict was refused")
    return found
