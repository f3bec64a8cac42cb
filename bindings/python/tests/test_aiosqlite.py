"""The store on aiosqlite keeps every promise, and what else can happen to a file and to a task."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

import doorward
from doorward import kit
from doorward.aiosqlite import AioSqliteStore
from doorward.store import Batch, Check, Ending, EndingKind, Key, Put, Raise, Range, Row, StoreFailure


class OnDisk(kit.Fixture):
    """A kill leaves the files as they are: a copy of them, opened anew, is what would be found."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: list[AioSqliteStore] = []
        self.copies = 0

    async def open(self) -> AioSqliteStore:
        return await self._open("auth.db")

    async def second_handle(self) -> AioSqliteStore:
        return await self._open("auth.db")

    async def reopen(self) -> AioSqliteStore:
        self.copies += 1
        for ending in ("", "-wal"):  # the index of the log is made anew from it
            shutil.copy(self.folder / f"auth.db{ending}", self.folder / f"{self.copies}.db{ending}")
        return await self._open(f"{self.copies}.db")

    async def _open(self, name: str) -> AioSqliteStore:
        store = await AioSqliteStore.open(self.folder / name)
        self.opened.append(store)
        return store

    async def close(self) -> None:
        for store in self.opened:
            await store.close()


@pytest.mark.parametrize("promise", kit.PROMISES, ids=str)
def test_it_keeps(promise: kit.Promise, tmp_path: Path) -> None:
    verdict = asyncio.run(kit.uphold(OnDisk(tmp_path), promise))
    assert verdict.is_kept or verdict.seen == "the fixture offers no simulated medium"


def key(number: int) -> Key:
    return Key(7, number.to_bytes(16, "big"))


def row(number: int, stamp: bytes = b"s" * 16, **columns: Any) -> Row:
    return Row(key(number), stamp, **{"epoch": 0, "owner": None, "expires": None, "record": b"r", **columns})


def batch(*writes: Any, durable: bool = True, checks: tuple[Check, ...] = (), endings: tuple[Ending, ...] = ()) -> Batch:
    return Batch(b"t" * 16, durable, checks, writes, endings)


def ending(number: int) -> Ending:
    return Ending(EndingKind.SESSION, number.to_bytes(16, "big"), None, 10**15)


def on(path: Path, story: Any, **options: Any) -> Any:
    async def run() -> Any:
        async with await AioSqliteStore.open(path, **options) as store:
            return await story(store)

    return asyncio.run(run())


async def at_rest(store: AioSqliteStore) -> None:
    while store._tasks:
        await asyncio.sleep(0)


async def fails(call: Coroutine[Any, Any, Any]) -> StoreFailure:
    with pytest.raises(StoreFailure) as failure:
        await call
    return failure.value


# Opening.


def test_the_file_is_its_owners_alone_and_is_synced_at_each_commit(tmp_path: Path) -> None:
    async def story(store: AioSqliteStore) -> None:
        await store.commit(batch(Put(row(1), None)))
        for name in ("auth.db", "auth.db-wal", "auth.db-shm"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600, name
        assert list(await store._writer.execute_fetchall("PRAGMA synchronous")) == [(2,)]
        assert list(await store._writer.execute_fetchall("PRAGMA journal_mode")) == [("wal",)]
        for connection in (store._writer, store._reader):  # a checkpoint of SQLite's own could run beside another's commit
            assert list(await connection.execute_fetchall("PRAGMA wal_autocheckpoint")) == [(0,)]

    on(tmp_path / "auth.db", story)


def foreign(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        for sql in statements:
            connection.execute(sql)
    connection.close()


def test_what_is_not_its_own_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    foreign(tmp_path / "app.db", "CREATE TABLE notes (id)", "PRAGMA application_id = 7")
    foreign(tmp_path / "unmarked.db", "CREATE TABLE notes (id)")
    foreign(tmp_path / "newer.db", "CREATE TABLE rows (id)", "PRAGMA application_id = 0x44504149", "PRAGMA user_version = 2")
    (tmp_path / "notes.txt").write_text("not a database, but a text of more than a hundred bytes " * 9)
    (tmp_path / "folder").mkdir()
    said = {
        "app.db": "belongs to another application: check the path; nothing was changed",
        "unmarked.db": "belongs to another application",
        "newer.db": "has version 2, this Doorward knows 1: use a newer Doorward",
        "notes.txt": "not a SQLite database: check the path; nothing was changed",
        "folder": "check that it is a file",
        "nowhere/auth.db": "cannot be created .* check that its folder exists",
    }
    for name, sentence in said.items():
        path = tmp_path / name
        before = path.read_bytes() if path.is_file() else None
        with pytest.raises(doorward.ConfigError, match=sentence):
            asyncio.run(AioSqliteStore.open(path))
        assert before == (path.read_bytes() if path.is_file() else None)
    for path in ("", ":memory:", b"auth.db"):
        with pytest.raises(doorward.ConfigError, match="names no file"):
            asyncio.run(AioSqliteStore.open(path))  # type: ignore[arg-type]


def test_it_and_the_store_of_engine_refuse_each_others_files(tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs.db", tmp_path / "ours.db"
    doorward.Engine.open(f"sqlite:{theirs}", master_key=bytes(32)).close()
    with pytest.raises(doorward.ConfigError, match=r"one of doorward\.Engine: open it there"):
        asyncio.run(AioSqliteStore.open(theirs))
    on(ours, lambda store: store.read([]))
    with pytest.raises(doorward.ConfigError, match="belongs to another application"):
        doorward.Engine.open(f"sqlite:{ours}", master_key=bytes(32))


def test_without_the_package_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['aiosqlite'] = None; import doorward.aiosqlite"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ImportError: doorward.aiosqlite needs the package aiosqlite: pip install 'doorward[aiosqlite]'" in ended.stderr


def test_many_open_one_new_file_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        stores = await asyncio.gather(*(AioSqliteStore.open(tmp_path / "auth.db") for _ in range(8)))
        try:
            puts = (store.commit(batch(Put(row(number), None))) for number, store in enumerate(stores))
            assert all(await asyncio.gather(*puts))
            for store in stores:
                assert all(await store.read([key(number) for number in range(8)]))
        finally:
            for store in stores:
                await store.close()

    asyncio.run(story())


def test_what_another_process_left_in_the_log_is_made_durable_before_it_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "1.db-wal"

    async def story() -> None:
        fixture = OnDisk(tmp_path)
        try:
            store = await fixture.open()
            for number in range(20):
                await store.commit(batch(Put(row(number), None)))
            left = (tmp_path / "auth.db-wal").stat().st_size
            reopened = await fixture.reopen()
            assert all(await reopened.read([key(number) for number in range(20)]))
            # It is in the database, and the log was begun anew by the one commit after that.
            assert 0 < log.stat().st_size < 4 * 4120 < left
        finally:
            await fixture.close()

    asyncio.run(story())


# Failing.


def test_another_programs_lock_is_retryable_and_nothing_is_applied(tmp_path: Path) -> None:
    path = tmp_path / "auth.db"

    async def story(store: AioSqliteStore) -> None:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        failure = await fails(store.commit(batch(Put(row(1), None))))
        assert failure.kind == "retryable"
        assert "locked by another program" in str(failure)
        assert await store.read([key(1)]) == [None]
        assert (await fails(store.purge(0, 1))).kind == "retryable"
        other.execute("ROLLBACK")
        other.close()
        assert await store.commit(batch(Put(row(1), None)))

    on(path, story, busy_timeout=0.05)


def test_however_many_wait_for_another_programs_lock_each_hears_of_it_in_time(tmp_path: Path) -> None:
    """They waited one behind the other, each of them its own five seconds: two hundred requests a quarter of an hour."""
    path = tmp_path / "auth.db"

    async def story(store: AioSqliteStore) -> None:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        begun = monotonic()
        commits = [asyncio.ensure_future(store.commit(batch(Put(row(number), None)))) for number in range(40)]
        left = asyncio.ensure_future(store.commit(batch(Put(row(99), None))))
        await asyncio.sleep(0)
        left.cancel()
        told = await asyncio.gather(*commits, return_exceptions=True)
        assert monotonic() - begun < 2  # and not 40 * 0.2
        assert {failure.kind for failure in told if isinstance(failure, StoreFailure)} == {"retryable"}
        assert len({str(failure) for failure in told}) == 2
        other.execute("ROLLBACK")
        other.close()
        # Also of those whose turn came too late, or for nobody.
        assert await store.commit(batch(Put(row(50), None)))
        assert [there.key for there in await store.scan(Range(7, None, None), 100)] == [key(50)]

    on(path, story, busy_timeout=0.2, commit_deadline=0.4)


def test_more_than_a_thousand_that_wait_are_refused_at_once(tmp_path: Path) -> None:
    async def story(store: AioSqliteStore) -> None:
        async with store._lock:
            waiting = [asyncio.ensure_future(store.commit(batch(Put(row(number), None)))) for number in range(1024)]
            await asyncio.sleep(0)
            failure = await fails(store.commit(batch(Put(row(2000), None))))
            assert (failure.kind, str(failure)) == ("retryable", "1024 calls wait for the database already: try again")
            assert await store.read([key(1)]) == [None]
        assert all(await asyncio.gather(*waiting))
        assert await store.commit(batch(Put(row(2000), None)))

    on(tmp_path / "auth.db", story, commit_deadline=600.0)


def test_a_commit_that_hangs_is_unknown_at_its_deadline_and_shown_when_it_is_settled(tmp_path: Path) -> None:
    """It was waited for without a bound, and every other call behind it."""

    async def story(store: AioSqliteStore) -> None:
        disk = CommitHangs(store)
        begun = monotonic()
        failure = await fails(store.commit(batch(Put(row(1), None))))
        assert failure.kind == "unknown"
        for call in (store.read([key(1)]), store.commit(batch(Put(row(2), None))), store.changes(0, 1), store.purge(0, 1)):
            assert (await fails(call)).kind == "retryable"
        assert monotonic() - begun < 5
        disk.answers.set()
        assert [bool(there) for there in await store.read([key(1), key(2)])] == [True, False]
        assert await store.commit(batch(Put(row(2), None)))

    on(tmp_path / "auth.db", story, commit_deadline=0.2)


def test_a_commit_does_not_wait_until_the_log_is_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program's long read kept it waiting past its deadline: what was done was called unknown."""
    monkeypatch.setattr("doorward.aiosqlite._CHECKPOINT_EVERY", 1)
    path = tmp_path / "auth.db"

    async def story(store: AioSqliteStore) -> None:
        assert await store.commit(batch(Put(row(1), None)))
        await at_rest(store)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN")
        other.execute("SELECT * FROM rows").fetchall()
        assert await store.commit(batch(Put(row(2), None)))
        assert [bool(there) for there in await store.read([key(2)])] == [True]
        other.close()

    on(path, story, busy_timeout=1.0, commit_deadline=0.5)


def test_a_full_disk_is_fatal_and_the_batch_is_not_there(tmp_path: Path) -> None:
    async def story(store: AioSqliteStore) -> None:
        await store._writer.execute_fetchall("PRAGMA max_page_count = 12")
        puts = [Put(row(number, record=bytes(4000)), None) for number in range(20)]
        failure = await fails(store.commit(batch(*puts, endings=(ending(1),))))
        assert (failure.kind, str(failure)) == ("fatal", "the disk is full: make room")
        assert await store.scan(Range(7, None, None), 100) == []
        assert (await store.changes(0, 10)).end == 0
        assert await store.commit(batch(Put(row(1), None)))

    on(tmp_path / "auth.db", story)


def test_a_damaged_column_is_damage(tmp_path: Path) -> None:
    async def story(store: AioSqliteStore) -> None:
        await store.commit(batch(Put(row(1), None), endings=(ending(1),)))
        await store._writer.execute_fetchall("UPDATE rows SET stamp = 'text'")
        await store._writer.execute_fetchall("UPDATE journal SET kind = 9")
        for call in (
            store.read([key(1)]),
            store.scan(Range(7, None, None), 1),
            store.commit(batch(Put(row(1), b"s" * 16))),
            store.changes(0, 1),
        ):
            assert (await fails(call)).kind == "damaged"

    on(tmp_path / "auth.db", story)


def test_a_damaged_page_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "auth.db"

    async def fill(store: AioSqliteStore) -> None:
        await store.commit(batch(*(Put(row(number, record=bytes(3000)), None) for number in range(50))))

    on(path, fill)
    content = bytearray(path.read_bytes())
    for page in range(8, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xa5" * 64
    path.write_bytes(content)

    async def story(store: AioSqliteStore) -> None:
        assert (await fails(store.scan(Range(7, None, None), 100))).kind == "damaged"

    on(path, story)


class Writer:
    """The writer's connection, put between the store and the real one."""

    def __init__(self, store: AioSqliteStore) -> None:
        self.writer = store._writer
        store._writer = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.writer, name)


class CommitFails(Writer):
    """The next ``COMMIT`` fails: before it was tried, or after."""

    def __init__(self, store: AioSqliteStore, error: Exception, *, is_done: bool, times: int = 1) -> None:
        super().__init__(store)
        self.error, self.is_done, self.times = error, is_done, times

    async def execute(self, sql: str, given: Any = ()) -> Any:
        if sql != "COMMIT" or not self.times:
            return await self.writer.execute(sql, given)
        self.times -= 1
        if self.is_done:
            await self.writer.execute(sql, given)
        raise self.error


class CommitHangs(Writer):
    """Each ``COMMIT`` waits for a disk that does not answer."""

    def __init__(self, store: AioSqliteStore) -> None:
        super().__init__(store)
        self.answers = asyncio.Event()

    async def execute(self, sql: str, given: Any = ()) -> Any:
        if sql == "COMMIT":
            await self.answers.wait()
        return await self.writer.execute(sql, given)


IO_ERROR = sqlite3.OperationalError("disk I/O error")


@pytest.mark.parametrize("is_done", [False, True])
def test_a_commit_that_fails_is_unknown_and_is_settled_before_anything_is_shown(tmp_path: Path, is_done: bool) -> None:
    async def story(store: AioSqliteStore) -> None:
        asked: list[str] = []
        CommitFails(store, IO_ERROR, is_done=is_done)
        failure = await fails(store.commit(batch(Put(row(1), None), endings=(ending(1),))))
        assert failure.kind == "unknown"
        await store._writer.set_trace_callback(asked.append)
        rows = await store.read([key(1)])
        assert [bool(there) for there in rows] == [is_done]
        assert (await store.changes(0, 9)).end == is_done
        assert [sql.split()[0] for sql in asked[:4]] == ["PRAGMA", "BEGIN", "UPDATE", "COMMIT"]
        count = len(asked)
        await store.read([key(1)])
        assert len(asked) == count
        assert await store.commit(batch(Put(row(2), None)))

    on(tmp_path / "auth.db", story)


def test_while_it_cannot_be_settled_every_call_is_retryable(tmp_path: Path) -> None:
    async def story(store: AioSqliteStore) -> None:
        CommitFails(store, IO_ERROR, is_done=False, times=4)
        assert (await fails(store.commit(batch(Put(row(1), None))))).kind == "unknown"
        for call in (store.read([key(1)]), store.commit(batch(Put(row(2), None))), store.changes(0, 1)):
            failure = await fails(call)
            assert failure.kind == "retryable"
            assert "an earlier commit is unsettled" in str(failure)
        assert await store.read([key(1), key(2)]) == [None, None]

    on(tmp_path / "auth.db", story)


def test_a_busy_commit_is_rolled_back_and_retryable(tmp_path: Path) -> None:
    async def story(store: AioSqliteStore) -> None:
        CommitFails(store, sqlite3.OperationalError("database is locked"), is_done=False)
        assert (await fails(store.commit(batch(Put(row(1), None))))).kind == "retryable"
        assert not store._writer.in_transaction
        assert await store.read([key(1)]) == [None]
        assert await store.commit(batch(Put(row(1), None)))

    on(tmp_path / "auth.db", story)


@pytest.mark.parametrize(
    ("said", "code", "kind"),
    [
        ("database is locked", 5, "retryable"),
        ("database table is locked: rows", 262, "retryable"),
        ("locking protocol", 15, "retryable"),
        ("interrupted", 9, "retryable"),
        ("database disk image is malformed", 11, "damaged"),
        ("file is not a database", 26, "damaged"),
        ("database or disk is full", 13, "fatal"),
        ("attempt to write a readonly database", 8, "fatal"),
        ("unable to open database file", 14, "fatal"),
        ("disk I/O error", 778, "fatal"),
        ("no such table: rows", 1, "fatal"),
    ],
)
def test_an_error_means_the_same_by_its_code_and_by_its_text(said: str, code: int, kind: str) -> None:
    from doorward._aiosqlite import failed

    by_text, by_code = sqlite3.OperationalError(said), sqlite3.OperationalError("")
    by_code.sqlite_errorcode = code
    assert failed(by_text).kind == failed(by_code).kind == kind


def test_an_epoch_stops_at_the_highest_that_a_column_holds(tmp_path: Path) -> None:
    async def story(store: AioSqliteStore) -> None:
        assert await store.commit(batch(Put(row(1, epoch=2**63 - 1), None)))
        assert (await fails(store.commit(batch(Raise(key(1)), endings=(ending(1),))))).kind == "fatal"
        assert (await fails(store.commit(batch(Put(row(2, epoch=2**63), None))))).kind == "fatal"
        assert await store.read([key(1), key(2)]) == [row(1, epoch=2**63 - 1), None]
        assert (await store.changes(0, 9)).end == 0

    on(tmp_path / "auth.db", story)


def test_after_closing_every_call_says_so(tmp_path: Path) -> None:
    async def story(store: AioSqliteStore) -> None:
        pending = asyncio.ensure_future(store.commit(batch(Put(row(1), None))))
        await asyncio.sleep(0)
        await store.close()
        assert await pending  # what was under way has ended
        for call in (store.read([key(1)]), store.commit(batch()), store.scan(Range(7, None, None), 1), store.purge(0, 1)):
            failure = await fails(call)
            assert (failure.kind, str(failure)) == ("fatal", "the store is closed")

    on(tmp_path / "auth.db", story)


# Cancelling.


def test_a_cancelled_commit_ends_whole_and_leaves_no_transaction(tmp_path: Path) -> None:
    async def story(store: AioSqliteStore) -> None:
        for number in range(60):
            numbers = range(100 * number, 100 * number + 5)
            commit = asyncio.ensure_future(store.commit(batch(*(Put(row(at), None) for at in numbers))))
            for _ in range(number % 20):
                await asyncio.sleep(0)
            await asyncio.sleep(0.0003 * (number // 20))
            commit.cancel()
            await asyncio.gather(commit, return_exceptions=True)
            assert await store.commit(batch(Put(row(100 * number + 50), None)))
            assert not store._writer.in_transaction
            rows = await store.read([key(at) for at in numbers])
            assert len({there is None for there in rows}) == 1

    on(tmp_path / "auth.db", story)


def test_a_commit_that_is_cancelled_in_its_transaction_is_carried_out(tmp_path: Path) -> None:
    async def story(store: AioSqliteStore) -> None:
        commit = asyncio.ensure_future(store.commit(batch(*(Put(row(at), None) for at in range(50)))))
        while not store._writer.in_transaction:
            await asyncio.sleep(0)
        commit.cancel()
        await asyncio.gather(commit, return_exceptions=True)
        assert commit.cancelled()
        assert await store.commit(batch(Put(row(50), None)))
        assert all(await store.read([key(at) for at in range(51)]))

    on(tmp_path / "auth.db", story)


def test_an_event_loop_that_ends_in_the_middle_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "auth.db"

    async def story() -> AioSqliteStore:
        store = await AioSqliteStore.open(path)
        commit = asyncio.ensure_future(store.commit(batch(*(Put(row(at), None) for at in range(5)))))
        while not store._writer.in_transaction:
            await asyncio.sleep(0)
        del commit
        return store  # the loop ends, and cancels all that is under way

    store = asyncio.run(story())
    try:
        assert not store._writer.in_transaction

        async def after(other: AioSqliteStore) -> None:
            assert len({there is None for there in await other.read([key(at) for at in range(5)])}) == 1
            assert await other.commit(batch(Put(row(9), None)))

        on(path, after, busy_timeout=0.05)
    finally:
        asyncio.run(store.close())


# Several processes.

WRITER = """
import asyncio, os, sys
from doorward.aiosqlite import AioSqliteStore
from doorward.store import Batch, Ending, EndingKind, Key, Put, Row

async def main(path, name, durable):
    store = await AioSqliteStore.open(path)
    number = 0
    while True:
        number += 1
        ids = [bytes([name, part]) + number.to_bytes(14, "big") for part in (0, 1)]
        puts = tuple(Put(Row(Key(7, id), ids[0], 0, None, None, b"r" * 2000), None) for id in ids)
        assert await store.commit(Batch(ids[0], durable, (), puts, (Ending(EndingKind.SESSION, ids[0], None, 10**15),)))
        print(ids[0].hex(), flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1"))
"""


def test_what_was_answered_survives_kill_9_and_nothing_is_halved(tmp_path: Path) -> None:
    """Of batches that are durable, and of those that are not."""
    path = tmp_path / "auth.db"
    on(path, lambda store: store.read([]))
    for turn in range(2):
        command = [sys.executable, "-c", WRITER, str(path)]
        writers = [
            subprocess.Popen([*command, str(10 * turn + name), str(name % 2)], stdout=subprocess.PIPE, text=True)
            for name in range(3)
        ]
        said: list[list[str]] = []
        for writer in writers:
            assert writer.stdout
            said.append([writer.stdout.readline().strip() for _ in range(10)])
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
        for lines, writer in zip(said, writers, strict=True):
            rest = writer.communicate()[0].splitlines()
            lines += [line for line in rest if len(line) == 32]
            assert writer.returncode == -signal.SIGKILL

        async def after(store: AioSqliteStore, said: list[list[str]] = said) -> None:
            rows = await store.scan(Range(7, None, None), 10**6)
            journal = (await store.changes(0, 10**6)).entries
            stamps = [there.stamp for there in rows]
            told = [change.subject for change in journal]
            assert sorted(stamps) == sorted([*told, *told])  # both rows and the entry, or nothing
            assert [change.number for change in journal] == list(range(1, len(journal) + 1))
            for lines in said:
                answered = [bytes.fromhex(line) for line in lines]
                assert set(answered) <= set(told)
                assert [subject for subject in told if subject in set(answered)] == answered
            ((result,),) = await store._reader.execute_fetchall("PRAGMA integrity_check")
            assert result == "ok"

        on(path, after)


def test_the_log_is_emptied_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.aiosqlite._CHECKPOINT_EVERY", 20)
    log = tmp_path / "auth.db-wal"

    async def story(store: AioSqliteStore) -> None:
        sizes = []
        for number in range(40):
            await store.commit(batch(Put(row(number), None)))
            await at_rest(store)
            sizes.append(log.stat().st_size)
        assert sizes[18] > 0
        assert sizes[19] == sizes[39] == 0

    on(tmp_path / "auth.db", story)


# Under an engine.

PASSWORD = "plum kettle orbit"


async def engine_on(store: AioSqliteStore) -> doorward.AsyncEngine:
    return await doorward.AsyncEngine.open(store, master_key=bytes(32), audience="https://api.example")


def test_two_engines_on_one_file_see_each_others_logins_and_logouts(tmp_path: Path) -> None:
    path = tmp_path / "auth.db"

    async def story(one: AioSqliteStore) -> None:
        async with await AioSqliteStore.open(path) as other:
            here, there = await engine_on(one), await engine_on(other)
            ada = await here.register("ada", PASSWORD)
            logins = [await engine.login("ada", PASSWORD) for engine in (here, there)]
            tokens = await here.issue(logins[0].session_token)
            for login in logins:
                assert (await here.authenticate(login.session_token)).account == ada
                assert (await there.authenticate(login.session_token)).account == ada
            assert len(await there.sessions(ada)) == 2
            assert (await there.verify(tokens.access))["sub"] == ada
            await here.logout(logins[0].session_token)
            with pytest.raises(doorward.SessionGone):
                await there.authenticate(logins[0].session_token)
            with pytest.raises(doorward.TokenInvalid):
                await there.verify(tokens.access)
            await there.logout_everywhere(ada)
            with pytest.raises(doorward.SessionGone):
                await here.authenticate(logins[1].session_token)
            await here.close()
            await there.close()

    on(path, story)


def test_the_log_of_aiosqlite_holds_nothing_of_what_is_stored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It logs each call with its arguments, at DEBUG: a program's log had the hashes of passwords in it. RV-9, INV 30."""

    async def story(store: AioSqliteStore) -> list[Row]:
        engine = await engine_on(store)
        ada = await engine.register("canary-name", PASSWORD)
        session = (await engine.login("canary-name", PASSWORD, label="canary-label")).session_token
        await engine.update_session_data(session, b"canary-data")
        await engine.issue(session)
        await engine.authenticate(session)
        await engine.maintain()
        await engine.logout_everywhere(ada)
        await engine.close()
        return [found for kind in range(256) for found in await store.scan(Range(kind, None, None), 1000)]

    with caplog.at_level("DEBUG"):
        rows = on(tmp_path / "auth.db", story)
    assert "INSERT OR REPLACE INTO rows" in caplog.text
    stored = {repr(column)[2:-1] for row in rows for column in (row.record, row.key.id) if len(column) >= 16}
    assert len(stored) > 5
    for canary in {"argon2", "canary", PASSWORD, *stored}:
        assert canary not in caplog.text


def test_an_account_and_its_session_are_there_after_a_restart(tmp_path: Path) -> None:
    async def before(store: AioSqliteStore) -> str:
        engine = await engine_on(store)
        await engine.register("ada", PASSWORD)
        login = await engine.login("ada", PASSWORD)
        await engine.close()
        return login.session_token

    async def after(store: AioSqliteStore) -> None:
        engine = await engine_on(store)
        assert (await engine.authenticate(token)).session_id
        await engine.maintain()
        await engine.delete_account((await engine.authenticate(token)).account)
        with pytest.raises(doorward.Denied):
            await engine.login("ada", PASSWORD)
        await engine.close()

    token = on(tmp_path / "auth.db", before)
    on(tmp_path / "auth.db", after)


def test_tasks_that_are_cancelled_in_the_middle_leave_an_engine_that_works(tmp_path: Path) -> None:
    async def story(store: AioSqliteStore) -> None:
        engine = await engine_on(store)
        ada = await engine.register("ada", PASSWORD)
        for turn in range(12):
            tasks = [asyncio.ensure_future(engine.login("ada", PASSWORD)) for _ in range(3)]
            await asyncio.sleep(0.001 * turn)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        login = await engine.login("ada", PASSWORD)
        assert (await engine.authenticate(login.session_token)).account == ada
        for turn in range(12):
            task = asyncio.ensure_future(engine.logout(login.session_token))
            await asyncio.sleep(0.0003 * turn)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await engine.logout(login.session_token)
        with pytest.raises(doorward.SessionGone):
            await engine.authenticate(login.session_token)
        await engine.close()

    on(tmp_path / "auth.db", story)
