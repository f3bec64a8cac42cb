"""A file is open by one of two SQLites: the engine's, or Python's."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PASSWORD

import doorward
from doorward import _files
from doorward.aiosqlite import AioSqliteStore

KEY = bytes(range(32))
IS_OPEN = "is open in this process by doorward"


@pytest.fixture(autouse=True)
def no_claim_stays() -> Iterator[None]:
    yield
    gc.collect()
    assert not _files._claims


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "auth.db"


def opened(path: Path) -> doorward.Engine:
    return doorward.Engine.open(f"sqlite:{path}", master_key=KEY)


def look(path: Path) -> None:
    """Another process opens the database, and closes it: as the last one, if it takes itself for that."""
    code = f"import sqlite3; c = sqlite3.connect({str(path)!r}); c.execute('SELECT count(*) FROM sqlite_master'); c.close()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_a_store_that_is_refused_leaves_the_engines_locks(path: Path) -> None:
    """A program opened an AioSqliteStore on the file of its own engine. It was refused, after a look at the file: closing it
    dropped the engine's locks, so that the log was deleted, and the engine stopped with its next login."""
    with opened(path) as engine:
        engine.register("ada", PASSWORD)
        with pytest.raises(doorward.ConfigError, match=IS_OPEN + r"\.Engine"):
            asyncio.run(AioSqliteStore.open(path))
        look(path)
        assert path.with_name("auth.db-wal").exists()
        engine.authenticate(engine.login("ada", PASSWORD).session_token)
    with pytest.raises(doorward.ConfigError, match=r"one of doorward\.Engine"):
        asyncio.run(AioSqliteStore.open(path))


def test_an_engine_that_is_refused_leaves_the_stores_locks(path: Path) -> None:
    """A program opened an Engine on the file of its own AioSqliteStore. It was refused, after a look at the file, which dropped
    the store's locks. Another process came and went, took itself for the last one and deleted the log. A logout was then
    acknowledged in a log without a name, and elsewhere the session lived on."""

    async def story() -> None:
        async with await AioSqliteStore.open(path) as store:
            engine = await doorward.AsyncEngine.open(store, master_key=KEY)
            await engine.register("ada", PASSWORD)
            token = (await engine.login("ada", PASSWORD)).session_token
            with pytest.raises(doorward.ConfigError, match=IS_OPEN + r"\.aiosqlite"):
                opened(path)
            log = path.with_name("auth.db-wal")
            before = log.stat().st_ino
            look(path)
            assert log.stat().st_ino == before
            assert (await engine.logout(token)).ended
            await engine.close()
        with pytest.raises(doorward.ConfigError, match="another application"):
            opened(path)

    asyncio.run(story())


def test_a_file_is_known_by_each_of_its_names(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was open under one name was opened, and its locks were dropped, under another."""
    monkeypatch.chdir(path.parent)
    (path.parent / "linked.db").symlink_to(path)
    (path.parent / "folder").symlink_to(path.parent)
    with opened(path):
        os.link(path, path.parent / "second.db")
        for name in ("auth.db", "./auth.db", "linked.db", "folder/auth.db", "second.db"):
            with pytest.raises(doorward.ConfigError, match=IS_OPEN):
                asyncio.run(AioSqliteStore.open(name))
        (path.parent / "second.db").unlink()
        asyncio.run(_open_and_close(path.parent / "other.db"))


async def _open_and_close(path: Path) -> None:
    await (await AioSqliteStore.open(path)).close()


def test_a_file_is_claimed_until_the_last_of_its_stores_is_closed(path: Path) -> None:
    """Of two stores of one kind on a file, the first that is closed must not free the file for the other kind."""
    first, second = opened(path), opened(path)
    first.close()
    with pytest.raises(doorward.ConfigError, match=IS_OPEN):
        asyncio.run(AioSqliteStore.open(path))
    second.close()

    async def story(path: Path) -> None:
        first, second = [await AioSqliteStore.open(path) for _ in range(2)]
        await first.close()
        with pytest.raises(doorward.ConfigError, match=IS_OPEN):
            opened(path)
        await second.close()

    asyncio.run(story(path.with_name("other.db")))


def test_what_could_not_be_opened_claims_nothing(path: Path) -> None:
    """A file whose opening had failed would have been refused for good."""
    path.write_text("no database, and long enough to be found to be none" * 99)
    for _ in range(2):
        with pytest.raises(doorward.ConfigError, match="not a SQLite database"):
            asyncio.run(AioSqliteStore.open(path))
        with pytest.raises(doorward.Error) as refused:
            opened(path)
        assert IS_OPEN not in str(refused.value)
    path.with_name("folder").mkdir()
    with pytest.raises(doorward.ConfigError, match="check that it is a file"):
        asyncio.run(AioSqliteStore.open(path.with_name("folder")))
    with pytest.raises(doorward.ConfigError, match="no master key"):
        doorward.Engine.open(f"sqlite:{path}")
    for odd in ("sqlite:\0", "sqlite:", "sqlite:" + "x" * 5000):
        with pytest.raises(doorward.Error):
            doorward.Engine.open(odd, master_key=KEY)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_an_engine_that_is_collected_frees_its_file(path: Path) -> None:
    """A file whose engine was forgotten would have been refused for good."""
    opened(path)
    gc.collect()
    with pytest.raises(doorward.ConfigError, match=r"one of doorward\.Engine"):
        asyncio.run(AioSqliteStore.open(path))


def test_a_file_is_claimed_while_a_call_of_a_closed_engine_goes_on(path: Path) -> None:
    """The library closes the file of an engine when the last call returns that was under way, and not when it is freed: to look
    at the file between would drop the locks of that call's commit."""
    began, may_end = threading.Event(), threading.Event()

    def progress(done: int, of: int) -> None:
        began.set()
        may_end.wait(30)

    engine = opened(path)
    thread = threading.Thread(target=engine.backup, args=(path.with_name("copy.db"), progress))
    thread.start()
    assert began.wait(30)
    engine.close()
    with pytest.raises(doorward.ConfigError, match=IS_OPEN):
        asyncio.run(AioSqliteStore.open(path))
    may_end.set()
    thread.join()
    with pytest.raises(doorward.ConfigError, match=r"one of doorward\.Engine"):
        asyncio.run(AioSqliteStore.open(path))


def test_a_new_file_is_claimed_before_it_is_there(path: Path) -> None:
    """Of two openings at once of a file that was not there yet, neither would have found the other."""
    claim = _files.Claim("doorward.Engine", str(path))
    with pytest.raises(doorward.ConfigError, match=IS_OPEN):
        asyncio.run(AioSqliteStore.open(path))
    assert not path.exists()
    path.touch()
    claim.opened()
    os.link(path, path.with_name("second.db"))
    with pytest.raises(doorward.ConfigError, match=IS_OPEN):
        asyncio.run(AioSqliteStore.open(path.with_name("second.db")))
    claim.release()
    asyncio.run(_open_and_close(path))
