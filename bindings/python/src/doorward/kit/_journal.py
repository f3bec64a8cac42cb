"""The journal of what ended."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from ..store import HIGHEST, Change, EndingKind, Key
from ._crowd import crowd
from ._draft import ACCOUNT, KEYRING, LATE, Draft, account, ended, key, row, session, sixteen
from ._fixture import Fixture
from ._promise import Broken, ensure
from ._subject import Subject


async def commit_order(fixture: Fixture) -> None:
    """Neither the ends nor the bytes of what ended go with the order, nor whether it was a session or a grant."""
    store = await Subject.of(fixture)
    expected = []
    for batch in range(12):
        draft = Draft()
        for entry in range(3):
            number, until = batch * 3 + entry, (batch * 7 + entry * 5) % 23 + LATE
            draft.ends(number, until)
            expected.append((*ended(number), 0, until))
        await store.apply(draft.make(row(session(batch))))
    found = await store.journal()
    told = [(change.kind, change.subject, change.floor, change.until) for change in found]
    ensure(told == expected, f"the journal tells {told}, committed were {expected}")
    _rising(found)


async def pages(fixture: Fixture) -> None:
    count = 20
    store = await Subject.of(fixture)
    nothing = await store.changes(0, 10)
    ensure(list(nothing.entries) == [] and nothing.end == 0, f"a journal without entries tells {nothing}")
    for number in range(count):
        await store.apply(Draft().ends(number))
    await store.create(session(1))  # a batch that ends nothing tells nothing
    whole = await store.changes()
    entries = list(whole.entries)
    ensure(len(entries) == count, f"of {count} entries a page without bound shows {len(entries)}")
    end = entries[-1].number
    ensure(whole.end == end, f"the journal's last entry is number {end} and its end is said to be {whole.end}")
    for limit in (1, 3, count, count + 1):
        for place, change in enumerate(entries):
            page = await store.changes(change.number, limit)
            expected = entries[place + 1 :][:limit]
            ensure(list(page.entries) == expected, f"{limit} entries after {change.number} are {page.entries}")
            ensure(page.end == end, f"a page's end is {page.end}, not the journal's {end}")


async def follower(fixture: Fixture) -> None:
    """One follower reads page by page while many tasks commit. It must see every entry once, and none before an entry whose
    commit had answered before its own began."""
    tasks, least, most, enough_pages = 8, 10, 100, 50
    store = await Subject.of(fixture)
    working, clock, seen_pages = tasks, 0, 0
    spans: dict[bytes, tuple[int, int]] = {}
    followed: list[Change] = []

    async def commit(task: int) -> None:
        nonlocal working, clock
        try:
            for lap in range(most):
                if lap >= least and seen_pages >= enough_pages:
                    return
                first = (task * most + lap) * 2
                begun = clock = clock + 1
                await store.apply(Draft().ends(first).ends(first + 1))
                clock += 1
                spans[sixteen(first)] = spans[sixteen(first + 1)] = begun, clock
        finally:
            working -= 1

    async def follow() -> None:
        nonlocal seen_pages
        while True:
            is_idle = working == 0
            cursor = followed[-1].number if followed else 0
            page = await store.changes(cursor, 7)
            ensure(page.end >= cursor, f"the end {page.end} lies before an entry that was seen, number {cursor}")
            if is_idle and not page.entries:
                return
            seen_pages += bool(page.entries)
            followed.extend(page.entries)
            await asyncio.sleep(0)

    await crowd(tasks + 1, lambda task: follow() if task == tasks else commit(task))
    _rising(followed)
    told = [change.subject for change in followed]
    for subject in spans:
        times = told.count(subject)
        ensure(times == 1, f"the follower saw the ending of {subject.hex()} {times} times")
    ensure(len(told) == len(spans), f"{len(told)} entries were told, {len(spans)} committed")
    # Going through the journal, no commit may have answered before an entry ahead of it was begun.
    latest = 0
    for begun, answered in (spans[subject] for subject in told):
        ensure(answered >= latest, "an entry stands behind another that was begun after it was answered")
        latest = max(latest, begun)


async def floor_after_batch(fixture: Fixture) -> None:
    """The row is raised in the batch, beside the batch, and not at all; it is put in the batch."""
    store = await Subject.of(fixture)
    for number, of in ((1, account(1)), (2, key(KEYRING, 0))):
        await store.create(row(of, epoch=4))
        await store.apply(Draft().ends_epoch(of))
        await _told(store, of, 4)
        await store.apply(Draft().lift(of).ends_epoch(of))
        await _told(store, of, 5)
        await store.apply(Draft().lift(of))
        await store.apply(Draft().lift(of).ends(number).ends_epoch(of))
        await _told(store, of, 7)
        seen = await store.present(of)
        await store.apply(Draft().over(row(of, epoch=90), seen).ends_epoch(of))
        await _told(store, of, 90)


async def floor_of_nothing(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    for of in (account(1), key(KEYRING, 0)):
        await store.apply(Draft().ends_epoch(of))
        await _told(store, of, HIGHEST)
        await store.create(of)
        await store.apply(Draft().delete(of).ends_epoch(of))
        await _told(store, of, HIGHEST)


async def _told(store: Subject, of: Key, floor: int) -> None:
    """Whether the journal's last entry is the ending of this key's epochs below the floor."""
    kind, subject = (EndingKind.ACCOUNT, of.id) if of.kind == ACCOUNT else (EndingKind.EVERYTHING, bytes(16))
    journal = await store.journal()
    if not journal:
        raise Broken("an ending was applied and the journal is empty")
    last = journal[-1]
    said = f"the journal tells {last}, not the ending of {subject.hex()} below {floor}"
    ensure((last.kind, last.subject, last.floor) == (kind, subject, floor), said)


def _rising(changes: list[Change]) -> None:
    numbers = [change.number for change in changes]
    rise = all(one < other for one, other in pairwise(numbers)) and numbers[:1] != [0]
    ensure(rise, f"the numbers of the journal do not rise from 1 on: {numbers}")
