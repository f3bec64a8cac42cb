"""Expectations, and what a batch does as a whole."""

from __future__ import annotations

import asyncio
from time import monotonic

from ..store import Key, Row
from ._crowd import crowd
from ._draft import KEYRING, KINDS, Draft, account, fresh, key, row, session, sixteen
from ._fixture import Fixture
from ._promise import Broken, ensure, show
from ._subject import Subject

ROUNDS = 25
RACERS = 6


async def met_expectations_apply(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    written, checked, absent = session(1), account(1), session(2)
    seen, consulted = await store.create(written), await store.create(checked)
    draft = Draft()
    put = draft.stamped(row(written))
    await store.apply(draft.check(checked, consulted.stamp).check(absent, None).over(put, seen))
    rows = await store.read([written, checked, absent])
    ensure(rows == [put, consulted, None], f"after the batch stood {show(rows)}")


async def absent_put_on_row(fixture: Fixture) -> None:
    """Alone, and in a race of many that would each make the row."""
    store = await Subject.of(fixture)
    for kind in KINDS:
        there = await store.create(key(kind, 1))
        await store.refuse(Draft().make(row(there.key)))
        await store.unchanged(there.key, there)
    for lap in range(ROUNDS):
        await _race(store, session(100 + lap), None)


async def stamp_put_on_nothing(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    for kind in KINDS:
        under = key(kind, 1)
        await store.refuse(Draft().put(row(under), sixteen(fresh())))
        await store.unchanged(under, None)
        there = await store.create(under)
        await store.delete(under)
        await store.refuse(Draft().over(row(under), there))
        await store.unchanged(under, None)


async def stamp_put_on_other(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    for kind in KINDS:
        seen = await store.create(key(kind, 1))
        now = await store.replace(seen)
        await store.refuse(Draft().over(row(seen.key), seen))
        # A stamp that differs in its last bit only is another stamp.
        near = now.stamp[:-1] + bytes([now.stamp[-1] ^ 1])
        await store.refuse(Draft().put(row(seen.key), near))
        await store.unchanged(seen.key, now)


async def absent_check_on_row(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    checked, written = account(1), session(1)
    there = await store.create(checked)
    await store.refuse(Draft().check(checked, None).make(row(written)))
    await store.refuse(Draft().check(checked, None))
    await store.unchanged(checked, there)
    await store.unchanged(written, None)


async def stamp_check_on_other(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    checked, written = account(1), session(1)
    seen = await store.create(checked)
    now = await store.replace(seen)
    await store.refuse(Draft().check(checked, seen.stamp))
    await store.refuse(Draft().check(checked, seen.stamp).make(row(written)))
    await store.delete(checked)
    await store.refuse(Draft().check(checked, now.stamp).make(row(written)))
    # An ending in a batch that also checks is no longer an ending alone.
    other = await store.create(session(2))
    await store.refuse(Draft().check(checked, now.stamp).delete(session(2)))
    await store.unchanged(session(2), other)
    await store.unchanged(written, None)


async def aba(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    content = row(session(1))
    seen = await store.create(content)
    between = await store.replace(seen)
    back = Draft()
    again = back.stamped(content)
    await store.apply(back.over(content, between))
    await store.refuse(Draft().over(row(session(1)), seen))
    await store.unchanged(session(1), again)
    await store.delete(session(1))
    again = await store.create(content)
    await store.refuse(Draft().over(row(session(1)), seen))
    await store.unchanged(session(1), again)


async def one_winner(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    for lap in range(ROUNDS):
        seen = await store.create(session(lap))
        await _race(store, seen.key, seen.stamp)


async def _race(store: Subject, under: Key, expected: bytes | None) -> None:
    """Many puts with one expectation that holds now: exactly one may apply, and its row must stand."""

    async def put(_: int) -> Row | None:
        draft = Draft()
        given = draft.stamped(row(under))
        return given if await store.commit(draft.put(given, expected).batch()) else None

    winners = [won for won in await crowd(RACERS, put) if won is not None]
    ensure(len(winners) == 1, f"{len(winners)} of {RACERS} puts with one expectation were applied")
    await store.unchanged(under, winners[0])


async def conflict_changes_nothing(fixture: Fixture) -> None:
    """The one failing expectation stands last among many writes, then first, then in a check."""
    store = await Subject.of(fixture)
    overwritten, deleted, lifted, busy, created = session(1), session(2), account(3), session(4), session(5)
    seen = await store.create(overwritten)
    await store.create(deleted)
    await store.create(lifted)
    old = await store.create(busy)
    await store.replace(old)
    keys = [overwritten, deleted, lifted, busy, created]
    rows, journal = await store.read(keys), await store.journal()

    def good(draft: Draft) -> Draft:
        draft.over(row(overwritten), seen).delete(deleted).lift(lifted)
        return draft.make(row(created)).ends(9).ends_epoch(lifted)

    last = good(Draft()).over(row(busy), old)
    first = good(Draft().over(row(busy), old))
    check = good(Draft()).check(busy, old.stamp)
    for draft in (last, first, check):
        if await store.commit(draft.batch()):
            return  # that it must conflict is the promise of each form of expectation
        now = await store.read(keys)
        ensure(now == rows, f"a conflict left {show(now)} where {show(rows)} stood")
        entries = await store.journal()
        ensure(entries == journal, f"a conflict left {entries} in the journal")


async def applied_whole(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    overwritten, deleted, lifted, checked = session(1), session(2), account(3), account(4)
    seen = await store.create(overwritten)
    await store.create(deleted)
    before = await store.create(lifted)
    consulted = await store.create(checked)
    draft = Draft()
    many = [draft.stamped(row(session(number), expires=77)) for number in range(10, 60)]
    put = draft.stamped(row(overwritten, expires=77))
    draft.check(checked, consulted.stamp).over(put, seen).delete(deleted).lift(lifted)
    for given in many:
        draft.make(given)
    for number in range(10, 30):
        draft.ends(number)
    await store.apply(draft)
    rows = await store.read([overwritten, deleted, checked])
    ensure(rows == [put, None, consulted], f"after the batch stood {show(rows)}")
    ensure((await store.present(lifted)).epoch > before.epoch, "the raise of the batch was not done")
    ensure(await store.read([given.key for given in many]) == many, "some of 50 puts of a batch were not done")
    entries = await store.journal()
    ensure(len(entries) == 20, f"of 20 entries the journal has {len(entries)}")


async def empty(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    there = await store.create(session(1))
    await store.apply(Draft())
    await store.apply(Draft(durable=False))
    await store.unchanged(session(1), there)


async def epoch_given(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    seen = await store.create(row(account(1), epoch=5))
    ensure((await store.present(account(1))).epoch == 5, "a row made with epoch 5 has another")
    for epoch in (6, 6, 2, 0, 1_000):
        draft = Draft()
        put = draft.stamped(row(account(1), epoch=epoch))
        await store.apply(draft.over(put, seen))
        found = (await store.present(account(1))).epoch
        ensure(found == epoch, f"a put with epoch {epoch} over epoch {seen.epoch} gave {found}")
        seen = put


async def stamp_given(fixture: Fixture) -> None:
    """Also by a batch that is not durable: a touch that left the stamp would let a grant pass that never saw it."""
    store = await Subject.of(fixture)
    for kind in KINDS:
        seen = await store.create(key(kind, 1))
        found = (await store.present(seen.key)).stamp
        ensure(found == seen.stamp, "a row that was made carries another stamp")
        for draft in (Draft(), Draft(durable=False)):
            put = draft.stamped(row(seen.key))
            await store.apply(draft.over(put, seen))
            found = (await store.present(seen.key)).stamp
            ensure(found == put.stamp, f"a row that was put carries {found.hex()}, not its batch's stamp")
            seen = put


async def cancelled(fixture: Fixture) -> None:
    """Commits that are cancelled after ever more steps of the event loop, and then after ever more of the time that they
    take."""
    store = await Subject.of(fixture)
    begun = monotonic()
    await store.apply(_many(0)[0])
    took = monotonic() - begun
    for number in range(1, 41):
        draft, keys = _many(number)
        commit = asyncio.ensure_future(store.store.commit(draft.batch()))
        if number <= 20:
            for _ in range(number - 1):
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(took * (number - 20) / 20)
        commit.cancel()
        await asyncio.gather(commit, return_exceptions=True)
        for moment in ("after it", "after the next commit"):
            rows = await store.read(keys)
            done = sum(there is not None for there in rows)
            ensure(done in (0, len(keys)), f"a cancelled commit left {done} of the {len(keys)} rows of its batch, {moment}")
            if moment == "after it":
                await store.apply(Draft().lift(Key(KEYRING, b"")))  # whatever it left, the next call works
        told = sum(change.subject == sixteen(2 * number) for change in await store.journal())
        ensure(told == (done > 0), f"a cancelled commit left {done} rows of its batch, and {told} entries of the journal")


def _many(number: int) -> tuple[Draft, list[Key]]:
    keys = [session(1_000 * number + place) for place in range(8)]
    draft = Draft().ends(2 * number)
    for under in keys:
        draft.make(row(under))
    return draft, keys


async def highest(fixture: Fixture) -> None:
    """A store may stop below 2**64, where it says so; none may go back to the beginning."""
    store = await Subject.of(fixture)
    for epoch in (2**63 - 1, 2**64 - 1):
        under = account(epoch % 1_000)
        draft = Draft().make(row(under, epoch=epoch))
        if epoch >= 2**63 and not await _is_possible(store, draft):
            await store.unchanged(under, None)
            continue
        if epoch < 2**63:
            await store.apply(draft)
        before, journal = await store.present(under), await store.journal()
        lifted = await _is_possible(store, Draft().lift(under).ends(1))
        found = await store.present(under)
        if lifted:
            ensure(found.epoch == before.epoch + 1 < 2**64, f"a raise of the epoch {before.epoch} left {found.epoch}")
        else:
            ensure(found == before, f"a raise that failed left {show(found)} of {show(before)}")
            ensure(await store.journal() == journal, "a raise that failed was told to the journal")


async def _is_possible(store: Subject, draft: Draft) -> bool:
    try:
        await store.apply(draft)
    except Broken as what:
        if not str(what).startswith("commit failed as fatal"):
            raise
        return False
    return True
