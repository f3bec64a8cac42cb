"""What is over is taken away, in bounded bites."""

from __future__ import annotations

from ._draft import GRANTS, KINDS, SESSION, SINGLE, THROTTLE, Draft, ended, key, row, session, sixteen
from ._fixture import Fixture
from ._promise import ensure, show
from ._subject import Subject

NOW = 1_000


async def leaves_the_living(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    alive = []
    for kind in KINDS:
        rows = [
            row(key(kind, 0), expires=NOW + 1),
            row(key(kind, 1)),
            row(key(kind, 2), expires=2**63 - 1),
            # Whose epoch, owner or content could be taken for a moment long past.
            row(key(kind, 3), expires=NOW + 1, epoch=1, owner=sixteen(0)),
        ]
        alive += [await store.create(given) for given in rows[: 1 if kind in SINGLE else 4]]
    await store.create(row(session(100), expires=NOW - 1))
    for now in (-(2**63), 0, NOW):
        await store.purge_all(now)
        for given in alive:
            found = await store.row(given.key)
            ensure(found == given, f"a purge at {now} left {show(found)} of the living {show(given)}")


async def takes_the_expired(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    over = []
    for kind in KINDS:
        for number, expires in enumerate((NOW, NOW - 1, 0, -5, -(2**63))):
            if kind not in SINGLE or number == 0:
                over.append(key(kind, number))
                await store.create(row(over[-1], expires=expires))
    removed = await store.purge(NOW)
    left = [there for there in await store.read(over) if there is not None]
    ensure(left == [], f"a purge at {NOW} that had no bound left {show(left)}")
    ensure(removed == len(over), f"a purge of {len(over)} rows says it removed {removed}")
    again = await store.purge(NOW)
    ensure(again == 0, f"a purge with nothing to remove says it removed {again}")


async def limit(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    keys = [key(kind, number) for number in range(10) for kind in (SESSION, THROTTLE, GRANTS)]
    for under in keys:
        await store.create(row(under, expires=1))
    left = len(keys)
    while left > 0:
        said = await store.purge(NOW, 3)
        now = sum(there is not None for there in await store.read(keys))
        ensure(said <= 3 and left - now == said, f"a purge of at most 3 says {said} and removed {left - now}")
        ensure(said == min(left, 3), f"a purge of at most 3 removed {said} where {left} were over")
        left = now


async def journal_until(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    ends = ((1, NOW + 1), (2, NOW), (3, 2**63 - 1), (4, NOW - 1), (5, NOW + 1), (6, NOW + 1), (7, NOW))
    for number, until in ends:
        await store.apply(Draft().ends(number, until))
    before = await store.journal()
    await store.purge_all(NOW - 2)
    found = await store.journal()
    ensure(found == before, f"a purge before its time left {found} of the journal")
    await store.purge_all(NOW)
    told = [(change.kind, change.subject) for change in await store.journal()]
    expected = [ended(number) for number in (1, 3, 5, 6)]
    ensure(sorted(told) == sorted(expected), f"a purge at {NOW} left {told}, not {expected}")


async def gone_for_good(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    await store.create(row(session(1), expires=1))
    await store.purge_all(NOW)
    found = await store.row(session(1))
    ensure(found is None, f"what was purged is read as {show(found)}")
    keys = await store.keys(SESSION)
    ensure(keys == [], f"what was purged is scanned as {keys}")
    again = await store.create(session(1))
    found = await store.row(session(1))
    ensure(found == again, f"a row made where another was purged is {show(found)}")


async def number_never_twice(fixture: Fixture) -> None:
    """A follower that read everything, and then sleeps while all of it is purged and the store is opened anew, misses nothing
    that comes after."""
    store = await Subject.of(fixture)
    cursor = 0
    for lap in range(6):
        numbers = range(3 * lap, 3 * lap + 3)
        for number in numbers:
            await store.apply(Draft().ends(number, 1))
        entries = (await store.changes(cursor)).entries
        told = [(change.kind, change.subject) for change in entries]
        ensure(told == [ended(number) for number in numbers], f"after a purge a follower at {cursor} sees {told}")
        cursor = entries[-1].number
        await store.purge_all(NOW)
        end = (await store.changes(cursor)).end
        ensure(end >= cursor, f"after a purge the journal's end {end} lies before its entry {cursor}")
    await store.create(session(1))  # a store that forgets its last batch breaks another promise
    reopened = await fixture.reopen()
    if reopened is None:
        return
    store = Subject(reopened)
    end = (await store.changes(cursor)).end
    ensure(end >= cursor, f"reopened after a purge, the journal ends at {end}, before its entry {cursor}")
    await store.apply(Draft().ends(99, 1))
    told = [(change.kind, change.subject) for change in (await store.changes(cursor)).entries]
    ensure(told == [ended(99)], f"reopened after a purge, a follower at {cursor} sees {told}")
