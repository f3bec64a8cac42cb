"""What a read shows."""

from __future__ import annotations

import asyncio

from ..store import Row
from ._crowd import while_working
from ._draft import KINDS, SINGLE, Draft, account, key, row, session
from ._fixture import Fixture
from ._promise import Broken, NotAsked, ensure, show
from ._subject import Subject


async def answers_in_key_order(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    keys = [key(kind, 7) for kind in KINDS]
    asked = [(under, await store.create(under)) for under in keys]
    wanted: list[tuple[object, Row | None]] = [*asked, (session(8), None), *asked[2:5]]
    for rotation in range(len(wanted)):
        wanted = wanted[1:] + wanted[:1]
        if rotation % 2:
            wanted.reverse()
        found = await store.read([under for under, _ in wanted])  # type: ignore[misc]
        expected = [there for _, there in wanted]
        ensure(found == expected, f"a read gave {show(found)} for {show(expected)}")


async def empty(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    await store.create(session(1))
    await store.read([])


async def one_snapshot(fixture: Fixture) -> None:
    """Many rows, of all kinds, are rewritten together, and a session is replaced by another: a reader that sees two versions,
    or both sessions, or none, has not seen one moment."""
    store = await Subject.of(fixture)
    # Few enough to a batch that a store which cuts a long one breaks another promise.
    rewritten = [key(kind, number) for number in range(2) for kind in KINDS if kind not in SINGLE]
    one, other = session(100), session(101)
    last = Draft()
    for under in [*rewritten, one]:
        last.make(row(under))
    await store.apply(last)

    async def work(lap: int) -> None:
        nonlocal last
        gone, come = (one, other) if lap % 2 == 0 else (other, one)
        draft = Draft().delete(gone).make(row(come))
        for under in rewritten:
            draft.put(row(under, record=b"round %d" % lap), last.stamp)
        last = draft
        await store.apply(draft)

    turn = 0

    async def watch() -> None:
        nonlocal turn
        turn += 7
        keys = [*rewritten, account(100), one, other]
        at = turn % len(keys)
        found = [there for there in await store.read(keys[at:] + keys[:at]) if there is not None]
        whole = len(found) == len(rewritten) + 1
        ensure(whole, "one session replaces another in one batch, and a read saw both or none")
        stamps = {there.stamp for there in found}
        ensure(len(stamps) == 1, "rows that are only ever written together were read from different batches")

    await while_working(2, work, watch)


async def sees_what_was_applied(fixture: Fixture) -> None:
    """Two tasks by turns, then a writer that counts up and says so only after its commit has answered: whoever heard a number
    must read at least that."""
    store = await Subject.of(fixture)
    await _by_turns(store)
    seen = await store.create(row(account(1), record=b"0"))
    said = 0

    async def work(lap: int) -> None:
        nonlocal seen, said
        draft = Draft()
        put = draft.stamped(row(account(1), record=b"%d" % lap))
        await store.apply(draft.over(put, seen))
        seen, said = put, lap

    async def watch() -> None:
        heard = said
        read = int((await store.present(account(1))).record)
        ensure(read >= heard, f"batch {heard} was applied, and a read begun after that saw batch {read}")

    await while_working(2, work, watch)


async def _by_turns(store: Subject) -> None:
    """A task that looks, waits while another writes, and looks again."""
    there = await store.create(account(2))
    asked: asyncio.Queue[bool] = asyncio.Queue()
    answered: asyncio.Queue[Row | Broken | None] = asyncio.Queue()

    async def look() -> None:
        while await asked.get():
            try:
                await answered.put(await store.row(account(2)))
            except Broken as what:
                await answered.put(what)

    async def other() -> Row | None:
        await asked.put(True)
        found = await answered.get()
        if isinstance(found, Broken):
            raise found
        return found

    looking = asyncio.ensure_future(look())
    try:
        for _ in range(20):
            await other()
            there = await store.replace(there)
            found = await other()
            ensure(found == there, f"a batch was applied, and another task read {show(found)} after it")
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def another_handle_sees(fixture: Fixture) -> None:
    one = await Subject.of(fixture)
    second = await fixture.second_handle()
    if second is None:
        raise NotAsked("the fixture offers no second handle")
    other = Subject(second)
    for lap in range(20):
        writer, reader = (one, other) if lap % 2 == 0 else (other, one)
        under = session(lap)
        # Looked at before, so that whatever is remembered of it is old.
        ensure(await reader.row(under) is None, "a handle shows a row that nobody made")
        made = await writer.create(under)
        found = await reader.row(under)
        ensure(found == made, f"a row made in one handle is {show(found)} in another")
        now = await writer.replace(made)
        found = await reader.row(under)
        ensure(found == now, f"a row replaced in one handle is {show(found)} in another")
        await reader.refuse(Draft().over(row(under), made))
        await writer.apply(Draft().delete(under).ends(lap))
        found = await reader.row(under)
        ensure(found is None, f"a row deleted in one handle is {show(found)} in another")
        ensure(await reader.keys(under.kind) == [], "rows deleted in one handle are scanned in another")
        here, there = await writer.changes(), await reader.changes()
        same = list(here.entries) == list(there.entries) and here.end == there.end
        ensure(same, "two handles on one store tell different journals")
