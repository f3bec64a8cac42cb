"""Deletes and raises: writes that can only take away."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ._crowd import crowd, while_working
from ._draft import ACCOUNT, KEYRING, KINDS, Draft, account, fresh, key, row, session, sixteen, stamp_of
from ._fixture import Fixture
from ._promise import ensure, show
from ._subject import Subject


async def never_refused(fixture: Fixture) -> None:
    """One task ends what two others keep making and changing."""
    store = await Subject.of(fixture)
    deleted, lifted = session(1), account(1)
    await store.create(lifted)

    async def end(lap: int) -> None:
        draft = Draft().delete(deleted).ends(fresh()) if lap % 2 == 0 else Draft().lift(lifted).ends_epoch(lifted)
        # Twice in a row, as a second logout comes: the row may be gone already.
        for _ in range(2):
            answer = await store.commit(draft.batch())
            ensure(answer, "a batch that only takes away was refused while its row was busy")
        await asyncio.sleep(0.00002)  # lets the others in, so that the row is busy the next time

    async def busy() -> None:
        for under in (deleted, lifted):
            there = await store.row(under)
            await store.commit(Draft().put(row(under), stamp_of(there)).batch())

    await while_working(2, end, busy)


async def delete_nothing(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    absent, beside = session(1), session(2)
    await store.apply(Draft().delete(absent).ends(1))
    await store.apply(Draft().delete(absent).make(row(beside)))
    await store.delete(beside)
    await store.delete(beside)
    rows = await store.read([absent, beside])
    ensure(rows == [None, None], f"after deletes stood {show(rows)}")


async def raise_nothing(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    for kind in KINDS:
        absent = key(kind, 1)
        await store.apply(Draft().lift(absent))
        found = await store.row(absent)
        ensure(found is None, f"a raise where nothing was left {show(found)}")
        await store.create(absent)
        await store.delete(absent)
        await store.apply(Draft().lift(absent))
        found = await store.row(absent)
        ensure(found is None, f"a raise of a deleted row left {show(found)}")


async def raise_leaves_all_else(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    for kind in KINDS:
        made = await store.create(row(key(kind, 1), epoch=41, owner=sixteen(9), expires=1_234))
        for times in range(1, 4):
            await store.apply(Draft().lift(made.key))
            found = await store.present(made.key)
            # Its stamp is another promise's.
            expected = replace(made, epoch=41 + times, stamp=found.stamp)
            ensure(found == expected, f"a raise left {show(found)}, not {show(expected)}")


async def raise_restamps(fixture: Fixture) -> None:
    store = await Subject.of(fixture)
    for kind in (ACCOUNT, KEYRING):
        seen = await store.create(key(kind, 1))
        draft = Draft().lift(seen.key)
        await store.apply(draft)
        found = (await store.present(seen.key)).stamp
        ensure(found == draft.stamp, f"a raised row carries {found.hex()}, not its batch's {draft.stamp.hex()}")
        await store.refuse(Draft().over(row(seen.key), seen))


async def no_raise_is_lost(fixture: Fixture) -> None:
    tasks, each = 4, 25
    store = await Subject.of(fixture)
    before = (await store.create(account(1))).epoch

    async def lift(_: int) -> None:
        for _ in range(each):
            # Whether one may be refused is another promise's; here only those count that were applied.
            while not await store.commit(Draft().lift(account(1)).batch()):
                await asyncio.sleep(0)

    await crowd(tasks, lift)
    found, expected = (await store.present(account(1))).epoch, before + tasks * each
    ensure(found == expected, f"{expected} raises were applied and the epoch is {found}")
