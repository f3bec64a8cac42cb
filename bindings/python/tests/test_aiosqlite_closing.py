"""Closing the store on aiosqlite: what is under way ends, whoever is cancelled meanwhile, and then nothing is left."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_aiosqlite import batch, key, on, row

from doorward import _files
from doorward.aiosqlite import AioSqliteStore
from doorward.store import Put


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """No thread, and no claim to a file."""
    threads = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)
        assert not thread.is_alive(), thread
    assert not _files._claims


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "auth.db"


def locked(path: Path) -> sqlite3.Connection:
    """Another program, which lets nobody write until it is closed."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


def test_a_close_that_is_cancelled_cancels_no_commit_and_goes_on(path: Path) -> None:
    """A program gave ``close()`` a second, and a commit took longer. The time-out cancelled that commit, another task's
    transaction, which nobody should cancel. A further ``close()`` returned at once and did nothing: two threads and the claims
    to the file stayed, and the program did not end."""

    async def story() -> None:
        store = await AioSqliteStore.open(path)
        other = locked(path)
        commit = asyncio.ensure_future(store.commit(batch(Put(row(1), None))))
        await asyncio.sleep(0.05)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(store.close(), 0.05)
        closings = [asyncio.ensure_future(store.close()) for _ in range(2)]
        await asyncio.sleep(0.05)
        closings.pop().cancel()
        assert not commit.done()
        assert not closings[0].done()
        other.close()
        assert await commit
        await closings[0]
        assert not _files._claims
        await store.close()

    asyncio.run(story())
    assert on(path, lambda store: store.read([key(1)])) == [row(1)]


def test_an_event_loop_that_ends_while_it_is_closed_leaves_nothing(path: Path) -> None:
    """Ctrl-C during a ``close()`` that waited for a commit left two threads, and the program did not end."""

    async def story() -> AioSqliteStore:
        store = await AioSqliteStore.open(path)
        other = locked(path)
        commit = asyncio.ensure_future(store.commit(batch(Put(row(1), None))))
        await asyncio.sleep(0.05)
        closing = asyncio.ensure_future(store.close())
        await asyncio.sleep(0.05)
        other.close()
        assert not commit.done()
        assert not closing.done()
        return store  # the loop ends, and cancels all that is under way

    store = asyncio.run(story())
    assert not _files._claims
    asyncio.run(store.close())
