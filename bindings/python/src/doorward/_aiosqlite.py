"""What the store in :mod:`doorward.aiosqlite` rests on: a file that is its own, columns as values, and what an error means."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from . import _files, errors
from .store import HIGHEST, Change, EndingKind, Key, Row, StoreFailure, StoreFailureKind

try:
    import aiosqlite
except ImportError as missing:
    raise ImportError("doorward.aiosqlite needs the package aiosqlite: pip install 'doorward[aiosqlite]'") from missing

Columns = Sequence[Any]
Connection = aiosqlite.Connection

MOST = 2**63 - 1
"""What SQLite's integers end at."""

_APPLICATION = 0x44504149
"""``DPAI``, in the header of the file."""
_RUST_STORE = 0x444F4F52
"""``DOOR``: a database of ``doorward.Engine``."""
_VERSION = 1

_SCHEMA = (
    "CREATE TABLE rows (kind INTEGER NOT NULL, id BLOB NOT NULL, stamp BLOB NOT NULL, epoch INTEGER NOT NULL, owner BLOB,"
    " expires INTEGER, record BLOB NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID",
    "CREATE INDEX rows_owner ON rows (kind, owner, id) WHERE owner IS NOT NULL",
    "CREATE INDEX rows_expires ON rows (expires) WHERE expires IS NOT NULL",
    # AUTOINCREMENT: a number that was seen is never given again. No floor: everything.
    "CREATE TABLE journal (number INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, subject BLOB NOT NULL,"
    " floor INTEGER, until INTEGER NOT NULL)",
    "CREATE INDEX journal_until ON journal (until)",
    # Raised only to have something to write durably.
    "CREATE TABLE barrier (raised INTEGER NOT NULL)",
    "INSERT INTO barrier VALUES (0)",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_VERSION}",
)

SETTINGS = ("PRAGMA trusted_schema = OFF", "PRAGMA cell_size_check = ON", "PRAGMA mmap_size = 0", "PRAGMA temp_store = MEMORY")
"""Of every connection."""
_WRITER_SETTINGS = (
    # While the file is made; a commit syncs the log (FULL) from then on, whether or not its batch is durable.
    "PRAGMA synchronous = EXTRA",
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA secure_delete = FAST",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA journal_size_limit = 8388608",
)

_creating = threading.Lock()


def create_if_missing(name: str) -> None:
    """A new file belongs to its owner alone; SQLite gives the log beside it the same mode. Closing it drops all locks that this
    process holds on it, so that no other opener goes on to SQLite meanwhile."""
    with _creating:
        try:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            pass
        except OSError as error:
            said = f"the database file cannot be created ({error.strerror}): check that its folder exists and may be written"
            raise errors.ConfigError(said) from error


async def prepare(writer: Connection) -> None:
    """A database of ours, with a log, whether it is new or not. Of several openers one makes it."""
    await _refuse_others(writer)
    await run(writer, *SETTINGS, *_WRITER_SETTINGS)
    ((mode,),) = await writer.execute_fetchall("PRAGMA journal_mode = wal")
    if mode != "wal":
        raise errors.ConfigError("the database cannot use a write-ahead log here: keep it on a local file system")
    if await _refuse_others(writer):
        try:
            await run(writer, "BEGIN IMMEDIATE")
            if await _refuse_others(writer):  # somebody else may have come first
                await run(writer, *_SCHEMA)
            await run(writer, "COMMIT")
        finally:
            await writer.rollback()
    await run(writer, "PRAGMA synchronous = FULL")


async def _refuse_others(connection: Connection) -> bool:
    """Whether the database is empty. Refuses what is not ours to open."""
    ((application, version, tables),) = await connection.execute_fetchall(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),"
        " (SELECT count(*) FROM sqlite_master)"
    )
    if (application, version, tables) == (0, 0, 0):
        return True
    if application == _RUST_STORE:
        said = (
            "the database is one of doorward.Engine: open it there, as sqlite:PATH, or give another path; nothing was changed"
        )
        raise errors.ConfigError(said)
    if application != _APPLICATION:
        raise errors.ConfigError("the database belongs to another application: check the path; nothing was changed")
    if version != _VERSION:
        raise errors.ConfigError(f"the database has version {version}, this Doorward knows {_VERSION}: use a newer Doorward")
    return False


async def connected(name: str, busy_timeout: float) -> Connection:
    # No transactions of the module's own. The file is there: it is never made here.
    uri, connect = f"{Path(name).as_uri()}?mode=rw", _files.connecting(name)
    try:
        # What cannot be opened leaves aiosqlite with a thread that nobody waits for.
        connect(uri, uri=True).close()
        return await aiosqlite.connect(uri, uri=True, factory=connect, isolation_level=None, timeout=busy_timeout)
    except sqlite3.Error as error:
        raise errors.ConfigError(str(failed(error))) from error


async def patiently(patience: float, attempt: Callable[[], Awaitable[None]]) -> None:
    """Some locks (a change to a log, a recovery, a checkpoint) are refused at once instead of waited for."""
    begun = monotonic()
    while True:
        try:
            return await attempt()
        except (sqlite3.Error, StoreFailure) as error:
            failure = error if isinstance(error, StoreFailure) else failed(error)
            if failure.kind != "retryable":
                raise errors.ConfigError(str(failure)) from error
            if monotonic() - begun > patience:
                raise failure from error
        await asyncio.sleep(0.005)


class Unprinted(list[Any]):
    """Values for a statement. aiosqlite logs each call with what it is given, at DEBUG: names and hashes of passwords."""

    def __repr__(self) -> str:
        return f"[{len(self)} values]"


class Turn:
    """A transaction that waits for its turn. Past its deadline it is not begun any more, so that whoever is told so then is
    told the truth."""

    def __init__(self, patience: float) -> None:
        self._deadline = monotonic() + patience
        self._is_given_up = False
        self.is_begun = False

    def give_up(self) -> None:
        self._is_given_up = True

    def go_on(self) -> None:
        """:raises StoreFailure: it is too late."""
        if self._is_given_up or monotonic() > self._deadline:
            raise StoreFailure("retryable", TOO_LONG)

    def begin(self) -> None:
        self.go_on()
        self.is_begun = True


async def run(connection: Connection, *statements: str, given: Sequence[Any] = ()) -> int:
    """How many rows the last one changed."""
    changed = 0
    for sql in statements:
        cursor = await connection.execute(sql, Unprinted(given))
        changed = cursor.rowcount
        await cursor.close()
    return changed


def as_row(columns: Columns) -> Row:
    kind, id_, stamp, epoch, owner, expires, record = columns
    return Row(
        Key(as_integer(kind), as_bytes(id_)),
        as_bytes(stamp),
        as_integer(epoch),
        None if owner is None else as_bytes(owner),
        None if expires is None else as_integer(expires),
        as_bytes(record),
    )


def as_change(columns: Columns) -> Change:
    number, kind, subject, floor, until = columns
    try:
        ending = EndingKind(kind)
    except ValueError:
        raise StoreFailure("damaged", "the journal holds an unknown kind of entry: use a newer Doorward") from None
    return Change(
        as_integer(number), ending, as_bytes(subject), HIGHEST if floor is None else as_integer(floor), as_integer(until)
    )


def as_bytes(column: Any) -> bytes:
    if type(column) is not bytes:
        raise StoreFailure("damaged", _MISTYPED)
    return column


def as_integer(column: Any) -> int:
    if type(column) is not int:
        raise StoreFailure("damaged", _MISTYPED)
    return column


def code_of(error: Exception) -> int:
    """SQLite's code of this error. Python tells it from 3.11 on; before, its text does."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF
    return next((code for text, code in _TEXTS.items() if text in str(error)), 1)


def failed(error: Exception) -> StoreFailure:
    """What a failure means before COMMIT was tried: a read, or a write that was rolled back."""
    kind, said = _MEANINGS.get(code_of(error), ("fatal", f"SQLite failed: {error}"))
    return StoreFailure(kind, said)


BUSY = 5
_TEXTS = {
    "table is locked": 6,
    "database is locked": BUSY,
    "locking protocol": 15,
    "interrupted": 9,
    "query aborted": 4,
    "schema has changed": 17,
    "out of memory": 7,
    "malformed": 11,
    "not a database": 26,
    "database or disk is full": 13,
    "readonly database": 8,
    "unable to open": 14,
    "disk I/O error": 10,
}
TOO_LONG = "the database was not free in time, and nothing was done: try again"
_LOCKED: tuple[StoreFailureKind, str] = "retryable", "the database is locked by another program: try again"
_PASSING: tuple[StoreFailureKind, str] = "retryable", "the statement was interrupted: try again"
_UNREACHABLE: tuple[StoreFailureKind, str] = "fatal", "the database cannot be reached: check that it is a file, and the disk"
_READ_ONLY: tuple[StoreFailureKind, str] = "fatal", "the database is read-only: make the file and its folder writable"
_MEANINGS: dict[int, tuple[StoreFailureKind, str]] = {
    BUSY: _LOCKED,
    6: _LOCKED,
    15: _LOCKED,
    9: _PASSING,
    4: _PASSING,
    17: _PASSING,
    7: ("retryable", "there was not enough memory: try again"),
    11: ("damaged", "the database is damaged: restore it from a backup"),
    26: ("damaged", "the file is not a SQLite database: check the path; nothing was changed"),
    13: ("fatal", "the disk is full: make room"),
    8: _READ_ONLY,
    3: _READ_ONLY,
    14: _UNREACHABLE,
    10: _UNREACHABLE,
}
_MISTYPED = "a stored column is not of its type: restore the database from a backup"
