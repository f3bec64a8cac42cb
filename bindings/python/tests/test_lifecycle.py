"""Engines that are closed, twice, too early, never, or by the interpreter's end."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from conftest import AUDIENCE, PASSWORD
from memory_store import MemoryStore
from worlds import NOW, POLICY, WORLDS, AsyncWorld, BlockingWorld, World, methods

from doorward import AsyncEngine, Engine, Error, Misuse, NotFound
from doorward import _calls as calls
from doorward._config import Settings
from doorward._fork import _ENDED, Held
from doorward._native import lib

pytestmark = pytest.mark.usefixtures("no_handle_stays_open")
KEY = bytes(range(32))


@pytest.fixture(params=[Engine, AsyncEngine])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    world = WORLDS[request.param]()
    yield world
    world.close()


# Closed.


def test_each_method_of_a_closed_engine_is_misuse_and_says_that_it_is_closed(world: World) -> None:
    kind = type(world.engine)
    calls = {method: world.arguments(method) for method in methods(kind) if method != "close"}
    assert len(calls) > 30
    world.call("close")
    for method, arguments in calls.items():
        with pytest.raises(Misuse, match="this engine is closed: open another"):
            world.call(method, **arguments)
    world.call("close")
    assert repr(world.engine).endswith("closed>")


@pytest.mark.parametrize("kind", [Engine, AsyncEngine])
def test_what_is_freed_after_it_was_looked_at_and_before_the_call_says_why(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login in a daemon thread was told that "this `dw_op` is freed, or was never one": the interpreter's end had come just
    between the two."""
    uses, use = 0, Held.use

    def used(held: Held) -> Any:
        nonlocal uses
        uses += 1
        handle = use(held)
        if uses == last:
            end(held)
        return handle

    for last in count(1):
        uses, world = 0, WORLDS[kind]()
        with monkeypatch.context() as patched:
            patched.setattr(Held, "use", used)
            told = told_by_register(world)
        world.close()
        if uses < last:
            assert told is None
            break
        assert told == f"this engine {_ENDED}", last
    assert last > (9 if kind is AsyncEngine else 1)


def test_what_is_freed_before_it_is_known_to_be_made_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, with the interpreter's end just before."""
    world, made = AsyncWorld(), Held.made
    monkeypatch.setattr(Held, "made", lambda held: (end(held), made(held)))
    assert told_by_register(world) == f"this engine {_ENDED}"
    world.close()


def end(held: Held) -> None:
    """As when the interpreter ends."""
    held.shut(_ENDED)
    held.release()


def told_by_register(world: World) -> str | None:
    try:
        world.call("register", **world.arguments("register"))
    except Misuse as misuse:
        return str(misuse)
    return None


def test_a_closed_engine_is_not_entered() -> None:
    engine = Engine.open("memory:")
    with engine:
        assert repr(engine) == "<doorward.engine.Engine open>"
    with pytest.raises(Misuse, match="closed"), engine:
        raise AssertionError("entered")


def test_a_block_closes_its_engine_and_lets_its_exception_pass() -> None:
    with pytest.raises(ZeroDivisionError), Engine.open("memory:") as engine:
        1 / 0  # noqa: B018
    with pytest.raises(Misuse):
        engine.now()

    async def entered() -> AsyncEngine:
        async with await AsyncEngine.open(MemoryStore(), master_key=KEY) as engine:
            with pytest.raises(ZeroDivisionError):
                1 / 0  # noqa: B018
        with pytest.raises(Misuse):
            async with engine:
                raise AssertionError("entered")
        return engine

    with pytest.raises(Misuse):
        asyncio.run(entered()).now()


def test_results_are_read_after_the_engine_is_closed(world: World) -> None:
    session = world.call("authenticate", session_token=world.session_token)
    sessions = world.call("sessions", account=world.account)
    claims = world.call("verify", access_token=world.tokens.access)
    world.call("close")
    gc.collect()
    assert session.account == world.account
    assert [one.session_id for one in sessions] == [world.session_id]
    assert claims["sub"] == world.account
    assert world.tokens.access.count(".") == 2


def test_an_engine_is_not_copied_or_pickled(world: World) -> None:
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(Misuse, match="open one in each process"):
            copied(world.engine)


def test_an_engine_keeps_nothing_open_after_exceptions_of_all_its_calls(world: World) -> None:
    handles = lib.dw_open_handles()
    kind = type(world.engine)
    for method in methods(kind):
        if method in {"close", "events"}:
            continue
        for name in world.arguments(method):
            for bad in (object(), "\ud800", "x", -1):
                try:
                    world.call(method, **{**world.arguments(method), name: bad})
                except Error:
                    assert lib.dw_open_handles() == handles
    assert lib.dw_open_handles() == handles


# Closed by others.


def test_an_engine_is_closed_while_eight_threads_call_it(tmp_path: Path) -> None:
    engine = Engine.open(f"sqlite:{tmp_path}/db", master_key=KEY, policy=POLICY, audience=AUDIENCE)
    engine.register("ada", PASSWORD)
    token = engine.login("ada", PASSWORD).session_token
    works: list[Callable[[], Any]] = [
        lambda: engine.authenticate(token),
        lambda: engine.login("ada", PASSWORD),
        lambda: engine.verify(engine.issue(token).access),
        lambda: engine.refresh(engine.issue(token, refresh=True).refresh or ""),
        lambda: engine.sessions("00" * 16),
        lambda: engine.update_session_data(token, b"x"),
        lambda: engine.policy(),
        lambda: engine.events(),
    ]
    ends: list[BaseException] = []
    started = threading.Barrier(len(works) + 1)

    def run(work: Callable[[], Any]) -> None:
        started.wait()
        try:
            while True:
                work()
        except BaseException as end:
            ends.append(end)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    started.wait()
    time.sleep(0.1)
    closing = [threading.Thread(target=engine.close) for _ in range(3)]
    for thread in closing:
        thread.start()
    for thread in threads + closing:
        thread.join(20)
        assert not thread.is_alive()
    assert [(type(end), str(end)) for end in ends] == [(Misuse, "this engine is closed: open another")] * len(works)
    with Engine.open(f"sqlite:{tmp_path}/db", master_key=KEY) as engine:
        assert engine.authenticate(token).amr == ("pwd",)


def test_what_is_issued_while_the_engine_is_closed_is_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def issued() -> None:
        store = MemoryStore()
        engine = await AsyncEngine.open(store, master_key=KEY, policy=POLICY, audience=AUDIENCE, clock="manual", now=NOW)
        await engine.register("ada", PASSWORD)
        token = (await engine.login("ada", PASSWORD)).session_token
        commit = store.commit

        async def closing(batch: Any) -> bool:
            await engine.close()
            return await commit(batch)

        monkeypatch.setattr(store, "commit", closing)
        tokens = await engine.issue(token, refresh=True)
        assert (tokens.expires_in, tokens.expires) == (600, NOW + 600_000)

    asyncio.run(issued())


# Closed by nobody.


def opened(kind: type) -> Any:
    if kind is Engine:
        return Engine.open("memory:")
    return asyncio.run(AsyncEngine.open(MemoryStore(), master_key=KEY))


@pytest.mark.parametrize("kind", [Engine, AsyncEngine])
def test_an_engine_that_nobody_closed_warns_and_is_closed(kind: type) -> None:
    kept = [opened(kind)]
    handles = lib.dw_open_handles()
    with pytest.warns(ResourceWarning, match="unclosed <doorward"):
        kept.clear()
    assert lib.dw_open_handles() == handles - 1


@pytest.mark.filterwarnings("error::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_it_is_closed_where_the_warning_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", lambda unraisable: told.append(unraisable.exc_type))
    engine = opened(Engine)
    handles = lib.dw_open_handles()
    del engine
    gc.collect()
    assert told == [ResourceWarning]
    assert lib.dw_open_handles() == handles - 1


def test_an_engine_in_a_cycle_is_closed_by_the_collector() -> None:
    engine: Any = opened(Engine)
    engine.itself = engine
    del engine
    with pytest.warns(ResourceWarning):
        gc.collect()


def test_an_opening_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    class Interrupted(BaseException):
        pass

    class Path_:
        def __fspath__(self) -> str:
            raise Interrupted

    for bad in ({"policy": {"typo": 1}}, {"clock": "none"}, {"hashing": None}, {"signing": 5}):
        with pytest.raises(Error):
            Engine.open("memory:", **bad)
    with pytest.raises(Interrupted):
        Engine.open(f"sqlite:{tmp_path}/db", key_file=Path_())


def test_an_engine_and_its_result_that_are_interrupted_in_the_library_are_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an interrupt comes: when the call has returned, and nothing was read."""

    class Interrupted:
        """A function of the library, and an interrupt after it."""

        def __init__(self, call: Any) -> None:
            self.call = call

        def __call__(self, *arguments: Any) -> Any:
            assert self.call(*arguments) == 0
            raise KeyboardInterrupt

    class Library:
        def __getattr__(self, name: str) -> Any:
            return Interrupted(getattr(lib, name)) if name == "dw_engine_open" else getattr(lib, name)

    with monkeypatch.context() as patched:
        patched.setattr("doorward.engine.lib", Library())
        with pytest.raises(KeyboardInterrupt):
            Engine.open("memory:")


@pytest.mark.parametrize("kind", [BlockingWorld, AsyncWorld])
def test_a_call_that_is_refused_leaves_no_operation(kind: type[World]) -> None:
    world = kind()
    handles = lib.dw_open_handles()
    with pytest.raises(NotFound):
        world.call("end_session", account=world.account, session_id="00" * 16)
    assert lib.dw_open_handles() == handles
    world.close()


# Secrets.


def test_no_repr_shows_a_secret(world: World) -> None:
    login = world.call("login", name="ada", password=PASSWORD, remember_device=True)
    data = world.call("session_data", session_token=world.guest)
    call = calls.login("ada", PASSWORD, None, None, "web", login.session_token, None, None, False, False)
    settings = Settings("memory:", master_key=KEY, peppers=[(1, KEY)], signing={"alg": "HS256", "secret": KEY})
    things = [login, world.tokens, data, call, settings, world.engine, vars(world.engine)]
    secrets = [PASSWORD, login.session_token, login.device_token, world.tokens.access, world.tokens.refresh, "plums"]
    for shown in map(repr, things):
        assert not [secret for secret in [*secrets, repr(KEY)] if secret in shown], shown
