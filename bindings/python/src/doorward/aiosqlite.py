"""A store of rows in one SQLite database file, on the ``aiosqlite`` package: an example of a store of one's own, that keeps
every promise of :mod:`doorward.store`.

>>> import doorward, doorward.aiosqlite
>>> async def main():
...     async with await doorward.aiosqlite.AioSqliteStore.open("auth.db") as store:
...         engine = await doorward.AsyncEngine.open(store, key_file="auth.key")

One connection writes, one transaction after the other; another reads beside it. A read is one statement, and so one moment. A
transaction is a task of its own: cancelling the call that waits for it leaves it to end by itself, whole.

Several tasks, and several processes on the same machine, may have the file open. Keep it on a local file system, and move or
replace neither it nor the ``-wal`` and ``-shm`` beside it while it is open. A process that forks opens its stores in the child.

The file is no database of :class:`doorward.Engine` (``sqlite:PATH``), and each refuses the other's: that one comes with an
SQLite of its own, and two SQLites in one process would drop each other's locks. So a file that one of them has open in this
process is refused to the other before it is opened. A program that opens the file by itself, to read or to copy it, drops them
when it closes it: let another process do that.

==================================================== ============= =================================================
SQLite reports                                       StoreFailure  because
==================================================== ============= =================================================
``BUSY`` (also from ``COMMIT``), ``LOCKED``,         retryable     another program holds the lock; rolled back
``PROTOCOL``
``INTERRUPT``, ``ABORT``, ``SCHEMA``, ``NOMEM``      retryable     rolled back, and passing
anything else from ``COMMIT``                        unknown       a recovery may find the transaction in the log
no answer within the commit deadline                 retryable,    not yet begun, and never will be;
                                                     unknown       or begun: it goes on, and may stand
more than 1,024 calls that wait                      retryable     not begun
``CORRUPT``, ``NOTADB``, a column of another type    damaged       what is stored was not written so
``FULL``, ``READONLY``, ``CANTOPEN``, ``IOERR``, ... fatal         rolled back; somebody must act
==================================================== ============= =================================================

After an ``unknown``, every call first asks for a durable commit of the store's own, and is ``retryable`` until it succeeds:
what was shown before could still change without a write.

So a commit, and each purge, is answered within ``commit_deadline``. A read waits for no lock, but for the reads before it and,
after an ``unknown``, as long as a commit; of a disk that hangs it hears nothing.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
from contextlib import suppress
from os import PathLike
from types import TracebackType
from typing import Any, TypeVar

from . import errors
from ._aiosqlite import (
    BUSY,
    MOST,
    SETTINGS,
    TOO_LONG,
    Columns,
    Connection,
    Turn,
    Unprinted,
    as_bytes,
    as_change,
    as_integer,
    as_row,
    code_of,
    connected,
    create_if_missing,
    failed,
    patiently,
    prepare,
    run,
)
from ._files import Claim
from .store import Batch, Changes, Delete, Key, Put, Raise, Range, Row, StoreFailure

__all__ = ["AioSqliteStore"]

T = TypeVar("T")

_CHECKPOINT_EVERY = 200
"""Commits. A checkpoint takes the write lock, so that none runs beside a commit: SQLite before 3.51.3 could lose it then."""

_MOST_WAITING = 1024
"""Calls, the one whose turn it is among them."""

_COLUMNS = "kind, id, stamp, epoch, owner, expires, record"
_INSERT = f"INSERT OR REPLACE INTO rows ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_DELETE = "DELETE FROM rows WHERE kind = ? AND id = ?"
_RAISE = "UPDATE rows SET epoch = ?, stamp = ? WHERE kind = ? AND id = ?"
_APPEND = "INSERT INTO journal (kind, subject, floor, until) VALUES (?, ?, ?, ?)"
# The sequence, not the last entry: it stands when every entry is purged.
_CHANGES = (
    "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'journal'), 0), NULL, NULL, NULL, NULL UNION ALL"
    " SELECT * FROM (SELECT number, kind, subject, floor, until FROM journal WHERE number > ? ORDER BY number LIMIT ?)"
)
_PURGE_ROWS = "DELETE FROM rows WHERE (kind, id) IN (SELECT kind, id FROM rows WHERE expires <= ? ORDER BY expires LIMIT ?)"
_PURGE_JOURNAL = "DELETE FROM journal WHERE number IN (SELECT number FROM journal WHERE until <= ? ORDER BY until LIMIT ?)"
_BARRIER = "UPDATE barrier SET raised = (raised + 1) & 0x7fffffff"
_EMPTY_LOG = "PRAGMA wal_checkpoint(TRUNCATE)"


class AioSqliteStore:
    """See :mod:`doorward.aiosqlite`. Made by :meth:`open`; used in one event loop.

    Two threads belong to it until it is closed: a program that forgets to close it does not end.
    """

    def __init__(self, writer: Connection, reader: Connection, commit_deadline: float) -> None:
        self._writer = writer
        self._reader = reader
        self._commit_deadline = commit_deadline
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_settled = True
        self._closing: asyncio.Task[None] | None = None
        self._over = ""
        """Why nothing can be done any more."""
        self._commits = 0

    @classmethod
    async def open(
        cls, path: str | PathLike[str], *, busy_timeout: float = 5.0, commit_deadline: float = 10.0
    ) -> AioSqliteStore:
        """Opens the database at ``path``; makes it, for its owner alone, where there is none.

        :param busy_timeout: how long to wait for a lock that another program holds, in seconds.
        :param commit_deadline: how long a commit waits, for those before it and for the disk, in seconds.
        :raises ConfigError: with a sentence that says what to change; nothing was changed.
        :raises StoreFailure: when SQLite fails.
        """
        name = os.fspath(path)
        if not isinstance(name, str) or not name or name == ":memory:":
            raise errors.ConfigError("the path names no file: give a path to a file")
        name = os.path.abspath(name)
        claim = Claim("doorward.aiosqlite", name)  # then each connection has its own
        try:
            create_if_missing(name)
            writer = await connected(name, busy_timeout)
        finally:
            claim.release()
        try:
            await patiently(busy_timeout, lambda: prepare(writer))
            reader = await connected(name, busy_timeout)
        except BaseException:
            await writer.close()
            raise
        store = cls(writer, reader, commit_deadline)
        try:
            await run(reader, *SETTINGS, "PRAGMA query_only = ON", "PRAGMA wal_autocheckpoint = 0")
            # Frames that a killed process wrote and did not sync would be shown, though a power cut could still take them.
            await patiently(busy_timeout, store._settle)
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Closes it, once what is under way has ended. Cancelling the call leaves that to go on; another call waits for it."""
        if self._closing is None:
            self._over = self._over or "the store is closed"
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        """In a task that only the event loop's end cancels: together with what is under way, which ends before the connections
        are closed all the same."""
        while self._tasks:
            with suppress(asyncio.CancelledError):
                await asyncio.wait(self._tasks)
        try:
            await self._reader.close()
        finally:
            await self._writer.close()

    async def __aenter__(self) -> AioSqliteStore:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # What an engine asks.

    async def read(self, keys: Sequence[Key]) -> list[Row | None]:
        """See :meth:`doorward.store.AsyncStore.read`."""
        asked, given = _under(set(keys))
        rows = [as_row(columns) for columns in await self._look(f"SELECT {_COLUMNS} {asked}", given)] if keys else []
        found = {row.key: row for row in rows}
        return [found.get(key) for key in keys]

    async def scan(self, rows: Range, limit: int) -> list[Row]:
        """See :meth:`doorward.store.AsyncStore.scan`."""
        if rows.after is not None and rows.after.kind > rows.kind:
            return []
        given: list[Any] = [rows.kind]
        sql = f"SELECT {_COLUMNS} FROM rows WHERE kind = ?"
        if rows.owner is not None:
            sql += " AND owner = ?"
            given.append(rows.owner)
        if rows.after is not None and rows.after.kind == rows.kind:
            sql += " AND id > ?"
            given.append(rows.after.id)
        return [as_row(columns) for columns in await self._look(f"{sql} ORDER BY id LIMIT ?", [*given, min(limit, MOST)])]

    async def commit(self, batch: Batch) -> bool:
        """See :meth:`doorward.store.AsyncStore.commit`."""
        return await self._alone(lambda: self._apply(batch))

    async def changes(self, after: int, limit: int) -> Changes:
        """See :meth:`doorward.store.AsyncStore.changes`."""
        (end, *_), *entries = await self._look(_CHANGES, (min(after, MOST), min(limit, MOST)))
        return Changes([as_change(columns) for columns in entries], as_integer(end))

    async def purge(self, now: int, limit: int) -> int:
        """See :meth:`doorward.store.AsyncStore.purge`."""
        return await self._alone(lambda: self._remove(now, min(limit, MOST)))

    # How it is asked.

    async def _look(self, sql: str, given: Sequence[Any]) -> Iterable[Columns]:
        """One statement, and so one moment."""
        if not self._is_settled or self._over:
            try:
                await self._alone(_nothing)
            except StoreFailure as failure:
                raise _unbegun(failure) from failure
        try:
            return await self._reader.execute_fetchall(sql, Unprinted(given))
        except (sqlite3.Error, ValueError) as error:
            raise self._failure(error) from error

    async def _alone(self, work: Callable[[], Awaitable[T]]) -> T:
        """Does the work in a transaction, while no other is under way, in a task that nobody cancels."""
        if self._over:
            raise StoreFailure("fatal", self._over)
        if len(self._tasks) >= _MOST_WAITING:
            raise StoreFailure("retryable", f"{_MOST_WAITING} calls wait for the database already: try again")
        turn = Turn(self._commit_deadline)
        task = self._kept(self._settled(work, turn))
        await asyncio.wait({task}, timeout=self._commit_deadline)
        if task.done():
            return task.result()
        if not turn.is_begun:
            turn.give_up()
            raise StoreFailure("retryable", TOO_LONG)
        self._is_settled = False
        raise StoreFailure("unknown", "the disk did not answer in time: check it, then read again")

    def _kept(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that goes on though nobody waits for it."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_heard)
        return task

    async def _settled(self, work: Callable[[], Awaitable[T]], turn: Turn) -> T:
        async with self._lock:
            turn.go_on()
            if not self._is_settled:
                try:
                    await self._settle()
                except StoreFailure as failure:
                    raise _unbegun(failure, "an earlier commit is unsettled: ") from failure
            answer = await self._transaction(work, turn)
            self._commits += 1
            if self._commits % _CHECKPOINT_EVERY == 0:
                self._kept(self._empty_log())
            return answer

    async def _empty_log(self) -> None:
        """No part of a commit, whose answer would wait for every long read of another program."""
        async with self._lock:
            with suppress(sqlite3.Error):  # what is in the log is safe there, and the next one empties it
                await self._writer.execute_fetchall(_EMPTY_LOG)

    async def _transaction(self, work: Callable[[], Awaitable[T]], turn: Turn | None = None) -> T:
        try:
            await run(self._writer, "BEGIN IMMEDIATE")
            if turn:
                turn.begin()
            answer = await work()
        except (sqlite3.Error, ValueError) as error:
            await self._roll_back()
            raise self._failure(error) from error
        except BaseException:
            await self._roll_back()
            raise
        try:
            await run(self._writer, "COMMIT")
        except sqlite3.Error as error:
            self._is_settled = code_of(error) == BUSY
            await self._roll_back()
            if self._is_settled:
                raise self._failure(error) from error
            raise StoreFailure(
                "unknown", "the commit failed on its way to the disk: check the disk, then read again"
            ) from error
        except BaseException:
            self._is_settled = False
            await self._roll_back()
            raise
        return answer

    async def _roll_back(self) -> None:
        """Ends a transaction that must not stand. One that cannot even be ended stops the store: closing it ends it."""
        with suppress(sqlite3.Error):
            await self._writer.rollback()
        if self._writer.in_transaction:
            self._over = "a transaction could not be ended: close the store, and open it again"

    async def _settle(self) -> None:
        """Proof that what is shown can change no more. The log is emptied, so that all that can be seen is in the database, and
        synced there; then a commit begins the log anew, on the medium too. In this order: until that sync a power cut can bring
        the old log back."""
        try:
            ((busy, *_),) = await self._writer.execute_fetchall(_EMPTY_LOG)
        except sqlite3.Error as error:
            raise self._failure(error) from error
        if busy:
            raise StoreFailure("retryable", "the log is in use by another program: end long reads, try again")
        await self._transaction(lambda: run(self._writer, _BARRIER))
        self._is_settled = True

    def _failure(self, error: Exception) -> StoreFailure:
        if self._closing is not None:
            return StoreFailure("fatal", "the store is closed")
        return failed(error)

    # What it does.

    async def _apply(self, batch: Batch) -> bool:
        """All comparisons, then all writes, then the journal; what is there now is asked for once, under the lock."""
        keys = {check.key for check in batch.checks} | {_key(write) for write in batch.writes}
        keys |= {ending.floor_of for ending in batch.endings if ending.floor_of is not None}
        there: dict[Key, tuple[bytes, int]] = {}
        if keys:
            asked, given = _under(keys)
            sql = f"SELECT kind, id, stamp, epoch {asked}"
            for kind, id_, stamp, epoch in await self._writer.execute_fetchall(sql, Unprinted(given)):
                there[Key(kind, as_bytes(id_))] = as_bytes(stamp), as_integer(epoch)
        expected = [(check.key, check.stamp) for check in batch.checks]
        expected += [(write.row.key, write.expected) for write in batch.writes if isinstance(write, Put)]
        if any(there.get(key, (None,))[0] != stamp for key, stamp in expected):
            return False
        epochs = {key: epoch for key, (_, epoch) in there.items()}
        changes: dict[str, list[Columns]] = {_INSERT: [], _DELETE: [], _RAISE: [], _APPEND: []}
        for write in batch.writes:
            key = _key(write)
            if isinstance(write, Put):
                row = write.row
                epochs[key] = row.epoch
                changes[_INSERT].append((key.kind, key.id, row.stamp, row.epoch, row.owner, row.expires, row.record))
            elif isinstance(write, Delete):
                epochs.pop(key, None)
                changes[_DELETE].append((key.kind, key.id))
            elif key in epochs:
                epochs[key] += 1
                changes[_RAISE].append((epochs[key], batch.stamp, key.kind, key.id))
        if any(epoch > MOST for epoch in epochs.values()):
            raise StoreFailure("fatal", "an epoch is higher than the database can hold: restore a backup")
        for ending in batch.endings:
            floor = 0 if ending.floor_of is None else epochs.get(ending.floor_of)
            changes[_APPEND].append((int(ending.kind), ending.subject, floor, ending.until))
        for sql, rows in changes.items():
            if rows:
                await (await self._writer.executemany(sql, Unprinted(rows))).close()
        return True

    async def _remove(self, now: int, limit: int) -> int:
        removed = await run(self._writer, _PURGE_ROWS, given=(now, limit))
        return removed + await run(self._writer, _PURGE_JOURNAL, given=(now, limit - removed))


async def _nothing() -> None: ...


def _heard(task: asyncio.Task[Any]) -> None:
    """Its failure, though whoever waited for it has gone: the event loop would say that nobody looked."""
    if not task.cancelled():
        task.exception()


def _unbegun(failure: StoreFailure, because: str = "") -> StoreFailure:
    """Of a call that had not begun: it is the barrier's fate that may be unknown."""
    return StoreFailure("retryable" if failure.kind == "unknown" else failure.kind, f"{because}{failure}")


def _under(keys: Collection[Key]) -> tuple[str, list[Any]]:
    """The end of a statement that selects the rows under these keys."""
    places = ", ".join(["(?, ?)"] * len(keys))
    return f"FROM rows WHERE (kind, id) IN (VALUES {places})", [part for key in keys for part in (key.kind, key.id)]


def _key(write: Put | Delete | Raise) -> Key:
    return write.row.key if isinstance(write, Put) else write.key
