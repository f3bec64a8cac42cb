"""Backups: a copy that opens and is restored; what is told of it; how it stops; what it never does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PASSWORD
from worlds import NOW, POLICY

from doorward import ConfigError, Engine, Misuse, NotFound, SessionGone, StoreError
from doorward._native import lib

pytestmark = pytest.mark.usefixtures("no_handle_stays_open")
KEY = bytes(range(32))
GIVEN: dict[str, Any] = {"master_key": KEY, "policy": POLICY}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """With some hundred pages: more than one step of a backup."""
    with Engine.open(f"sqlite:{tmp_path}/app.db", **GIVEN) as engine:
        engine.register("ada", PASSWORD)
        for _ in range(100):
            engine.open_session(bytes(16_000))
        yield engine


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"app.db", "app.db-wal", "app.db-shm"}


def test_a_copy_opens_and_has_what_was_there_when_it_was_made(engine: Engine, tmp_path: Path) -> None:
    before = engine.login("ada", PASSWORD)
    engine.backup(tmp_path / "copy.db")
    grace = engine.register("grace", PASSWORD)
    with Engine.open(f"sqlite:{tmp_path}/copy.db", **GIVEN) as copy:
        assert copy.authenticate(before.session_token).account == before.account
        with pytest.raises(NotFound):
            copy.disable(grace)
    assert engine.authenticate(before.session_token).account == before.account


def test_after_a_restore_no_session_of_the_copy_lives(engine: Engine, tmp_path: Path) -> None:
    """A logout that came after the backup is not undone by it."""
    tokens = [engine.login("ada", PASSWORD).session_token for _ in range(2)]
    engine.backup(str(tmp_path / "copy.db"))
    engine.logout(tokens[0])
    with Engine.open(f"sqlite:{tmp_path}/copy.db", **GIVEN) as restored:
        assert restored.authenticate(tokens[0]).amr == ("pwd",), "what after_restore is for"
        restored.after_restore()
        for token in tokens:
            with pytest.raises(SessionGone):
                restored.authenticate(token)
        assert restored.authenticate(restored.login("ada", PASSWORD).session_token).account


def test_progress_is_told_in_steps_up_to_the_whole(engine: Engine, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    engine.backup(tmp_path / "copy.db", progress=lambda done, of: told.append((done, of)))
    assert len(told) > 1
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert all(0 < done <= of for done, of in told)
    assert told[-1][0] == told[-1][1]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("at", [1, 2])
def test_an_exception_of_progress_stops_the_backup_and_leaves_nothing(
    error: type[BaseException], at: int, engine: Engine, tmp_path: Path
) -> None:
    told: list[int] = []

    def stop(done: int, of: int) -> None:
        told.append(done)
        if len(told) == at:
            raise error("enough")

    with pytest.raises(error, match="enough") as stopped:
        engine.backup(tmp_path / "copy.db", stop)
    assert stopped.value.__cause__ is None
    assert stopped.value.__suppress_context__, "that the library was stopped is no news"
    assert len(told) == at
    assert files(tmp_path) == set()
    engine.backup(tmp_path / "copy.db", lambda *_: None)
    assert files(tmp_path) == {"copy.db"}


def test_a_progress_that_takes_other_arguments_stops_it_too(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        engine.backup(tmp_path / "copy.db", lambda: None)  # type: ignore[arg-type, misc]
    assert files(tmp_path) == set()


def test_what_progress_gives_back_does_not_matter(engine: Engine, tmp_path: Path) -> None:
    engine.backup(tmp_path / "copy.db", lambda *_: 5)
    assert files(tmp_path) == {"copy.db"}


def test_the_engine_is_used_in_progress_and_beside_it(engine: Engine, tmp_path: Path) -> None:
    token = engine.login("ada", PASSWORD).session_token
    done: list[str] = []

    def beside() -> None:
        done.append(engine.open_session(b"beside"))

    def progress(*_: int) -> None:
        assert engine.authenticate(token).account
        thread = threading.Thread(target=beside)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()

    engine.backup(tmp_path / "copy.db", progress)
    assert done
    assert engine.session_data(done[-1]).data == b"beside"


@pytest.mark.parametrize("make", [lambda path: path.write_bytes(b"precious"), lambda path: path.mkdir()])
def test_nothing_is_overwritten(make: Any, engine: Engine, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    make(target)
    with pytest.raises(Misuse, match="nothing is overwritten; give another name"):
        engine.backup(target)
    assert target.is_dir() or target.read_bytes() == b"precious"
    with pytest.raises(Misuse, match="nothing is overwritten"):
        engine.backup(tmp_path / "app.db")
    assert engine.login("ada", PASSWORD).account


def test_a_folder_that_is_not_there_is_said(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="check that its folder exists") as failed:
        engine.backup(tmp_path / "nowhere" / "copy.db")
    assert (failed.value.kind, failed.value.is_transient) == ("fatal", False)


@pytest.mark.parametrize("store", ["memory:", "sled:{}/store"])
def test_other_stores_are_not_copied_while_they_are_open(store: str, tmp_path: Path) -> None:
    with Engine.open(store.format(tmp_path), **GIVEN) as engine, pytest.raises(Misuse, match="only a `sqlite:` store"):
        engine.backup(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_a_copy_is_of_the_same_keys(tmp_path: Path) -> None:
    with Engine.open(f"sqlite:{tmp_path}/app.db", clock="manual", now=NOW, **GIVEN) as engine:
        engine.backup(tmp_path / "copy.db")
    handles = lib.dw_open_handles()
    with pytest.raises(ConfigError, match="is not the one this store was made with"):
        Engine.open(f"sqlite:{tmp_path}/copy.db", **{**GIVEN, "master_key": KEY[::-1]})
    assert lib.dw_open_handles() == handles
