"""Pages of rows."""

from __future__ import annotations

from itertools import pairwise

from ..store import Key
from ._crowd import while_working
from ._draft import DATA, GRANTS, KINDS, LOGIN, SESSION, SINGLE, THROTTLE, Draft, key, named, row, session, sixteen
from ._fixture import Fixture
from ._promise import ensure
from ._subject import Subject


async def one_kind(fixture: Fixture) -> None:
    """The same sixteen bytes under every kind, so that only the kind tells them apart."""
    store = await Subject.of(fixture)
    for kind in KINDS:
        ensure(await store.keys(kind) == [], f"a new store has rows of kind {kind}")
    numbers = {kind: range(1 if kind in SINGLE else 3) for kind in KINDS}
    for kind in KINDS:
        for number in numbers[kind]:
            await store.create(key(kind, number))
    for kind in KINDS:
        found = await store.keys(kind)
        ensure(sorted(found) == sorted(key(kind, number) for number in numbers[kind]), f"a scan of kind {kind} shows {found}")


async def key_order(fixture: Fixture) -> None:
    """Names whose order by bytes is not their order by length, by a locale or by any case."""
    store = await Subject.of(fixture)
    names = ["b", "aa", "a", "é", "z", "a-b", "a_b", "a.b", "ab", "a0", "a10", "a2", "漢", "zz"]
    ids = [key(kind, number) for number in range(30) for kind in (SESSION, THROTTLE)]
    keys = [*map(named, names), *ids]
    for under in keys:
        await store.create(under)
    for kind in (LOGIN, SESSION, THROTTLE):
        found = await store.keys(kind)
        expected = sorted(under for under in keys if under.kind == kind)
        ensure(found == expected, f"a scan of kind {kind} goes in the order {found}")


async def by_owner(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    owners = (sixteen(1), sixteen(2), None)
    kinds = (LOGIN, SESSION, DATA, GRANTS)
    for number in range(30):
        for kind in kinds:
            await store.create(row(key(kind, number), owner=owners[number % 3]))
    # A row that moves to another owner leaves the first one's pages.
    seen = await store.present(session(0))
    await store.apply(Draft().over(row(session(0), owner=owners[1]), seen))
    for kind in kinds:
        for owner, first in ((sixteen(1), 0), (sixteen(2), 1), (sixteen(3), 30)):
            found = await store.keys(kind, owner=owner)
            expected = {key(kind, number) for number in range(first, 30, 3)}
            if kind == SESSION and owner == owners[0]:
                expected.remove(session(0))
            if kind == SESSION and owner == owners[1]:
                expected.add(session(0))
            ensure(sorted(found) == sorted(expected), f"a scan of kind {kind} by owner shows {found}")


async def strictly_after(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    for number in range(0, 20, 2):
        await store.create(row(session(number), owner=sixteen(1)))
        await store.create(key(LOGIN, number))
    for kind, owner in ((SESSION, None), (SESSION, sixteen(1)), (LOGIN, None)):
        for number in range(20):
            after = key(kind, number)
            expected = [under for under in (key(kind, even) for even in range(0, 20, 2)) if under > after]
            found = await store.keys(kind, owner=owner, after=after)
            ensure(sorted(found) == sorted(expected), f"a scan of kind {kind} after a key shows {found}")


async def limit(fixture: Fixture) -> None:
    """The first page holds as many rows as asked for, and following the last key of each page goes through all of them."""
    count = 23
    store = await Subject.of(fixture)
    for number in range(count):
        await store.create(row(session(number), owner=sixteen(1)))
    for most, owner in ((1, None), (5, None), (5, sixteen(1)), (count, None), (count + 1, sixteen(1))):
        found = len(await store.scan(SESSION, most, owner=owner))
        ensure(found == min(most, count), f"a page of at most {most} of {count} rows has {found}")
    walked: list[Key] = []
    while True:
        page = await store.scan(SESSION, 5, after=walked[-1] if walked else None)
        # A page that begins with the last row again is another promise's affair, but must not loop for ever.
        news = [found.key for found in page if not walked or found.key > walked[-1]]
        if not news:
            break
        walked += news
    ensure(len(walked) == count, f"walking page by page shows {len(walked)} of {count} rows")


async def one_snapshot(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    rewritten = [session(number) for number in range(16)]
    last = Draft()
    for under in rewritten:
        last.make(row(under))
    await store.apply(last)

    async def work(lap: int) -> None:
        nonlocal last
        draft = Draft()
        for under in rewritten:
            draft.put(row(under, record=b"round %d" % lap), last.stamp)
        last = draft
        await store.apply(draft)

    async def watch() -> None:
        page = await store.scan(SESSION)
        whole = len(page) == len(rewritten) and all(one.stamp == other.stamp for one, other in pairwise(page))
        ensure(whole, "rows that are only ever written together were scanned from different batches")

    await while_working(2, work, watch)
