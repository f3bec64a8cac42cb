"""AsyncEngine: loops, cancellation at every await, timeouts, more logins than there is room for, closing amid operations."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import pytest
from conftest import PASSWORD
from stepped import KEY, Disturbed, Rows
from worlds import LIGHT, NOW, methods

from doorward import AsyncEngine, Busy, Denied, Error, Hashing, Misuse, NotFound, Refused, SessionGone, Taken, Throttled
from doorward._native import lib

pytestmark = pytest.mark.usefixtures("no_handle_stays_open")


@pytest.fixture(scope="module")
def rows() -> Rows:
    return Rows()


# What the second call of the same may say after a first that was done.
AGAIN = (Taken, SessionGone, Denied, NotFound)


def operations() -> list[str]:
    coroutines = [name for name in methods(AsyncEngine) if inspect.iscoroutinefunction(getattr(AsyncEngine, name))]
    return [name for name in coroutines if name != "close"]


# Loops.


def test_an_engine_is_used_in_the_loop_that_it_was_opened_in(rows: Rows) -> None:
    loop = asyncio.new_event_loop()
    store = rows.store()
    engine = loop.run_until_complete(rows.opened(store))
    made = store.made
    for name, arguments in rows.operations().items():
        with pytest.raises(Misuse, match="opened in another event loop: open one in each"):
            asyncio.run(getattr(engine, name)(**arguments))
        with pytest.raises(Misuse, match="in a running asyncio event loop"):
            getattr(engine, name)(**arguments).send(None)
    assert store.made == made
    told: list[BaseException] = []
    thread = threading.Thread(target=lambda: told.append(_refusal(engine.authenticate(rows.world.session_token))))
    thread.start()
    thread.join()
    assert isinstance(told[0], Misuse)
    assert loop.run_until_complete(engine.authenticate(rows.world.session_token)).account == rows.world.account
    asyncio.run(engine.close())
    loop.close()


def _refusal(coroutine: Coroutine[Any, Any, Any]) -> BaseException:
    try:
        asyncio.run(coroutine)
    except Error as refused:
        return refused
    raise AssertionError


def test_an_opening_without_a_loop_is_misuse(rows: Rows) -> None:
    opening = AsyncEngine.open(rows.store(), master_key=KEY)
    with pytest.raises(Misuse, match="in a running asyncio event loop"):
        opening.send(None)


def test_a_coroutine_that_is_closed_by_hand_abandons_its_operation(rows: Rows) -> None:
    async def main() -> None:
        engine = await rows.opened(rows.store())
        handles = lib.dw_open_handles()
        for coroutine in (engine.login("ada", PASSWORD), engine.sessions(rows.world.account)):
            coroutine.send(None)  # at its first await
            assert lib.dw_open_handles() == handles + 1
            coroutine.close()
            assert lib.dw_open_handles() == handles
        await engine.close()

    asyncio.run(main())


def test_two_engines_in_two_loops_of_two_threads_share_a_store(rows: Rows) -> None:
    store = rows.store()
    told: list[Any] = []

    async def main() -> None:
        engine = await rows.opened(store)
        told.extend([(await engine.login("ada", PASSWORD)).account for _ in range(3)])
        await engine.close()

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [rows.world.account] * 6


# Cancelled.


async def _cancels(store: Disturbed, name: str, arguments: tuple[Any, ...]) -> Any:
    """As a task is cancelled while it waits for the store, which has done it already, or not."""
    if store.at % 2:
        await store.undisturbed(name, *arguments)
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)
    raise AssertionError("goes on")


@pytest.mark.parametrize("operation", operations())
def test_an_operation_is_cancelled_at_each_of_its_calls_of_the_store(rows: Rows, operation: str) -> None:
    arguments = rows.operations()[operation]

    async def cancelled(at: int) -> bool:
        """Whether it came so far."""
        store = rows.store()
        engine = await rows.opened(store)
        handles = lib.dw_open_handles()
        store.disturb(_cancels, at)
        try:
            await getattr(engine, operation)(**arguments)
        except asyncio.CancelledError:
            is_cancelled = True
        else:
            is_cancelled = False
        assert lib.dw_open_handles() == handles
        store.happens = None
        # The engine goes on, and so does whoever tries again: it is done, or was.
        again = await asyncio.gather(getattr(engine, operation)(**arguments), return_exceptions=True)
        assert not isinstance(again[0], Exception) or isinstance(again[0], AGAIN), again
        assert (await engine.maintain()).more is False
        await engine.close()
        return is_cancelled

    calls = 0
    while asyncio.run(cancelled(calls)):
        calls += 1
        assert calls < 40
    assert calls > 0 or operation in {"jwks", "verify"}


def test_a_task_that_is_cancelled_while_it_hashes_leaves_nothing(rows: Rows) -> None:
    async def main() -> None:
        engine = await rows.opened(rows.store(), hashing=Hashing(at_once=1))
        handles = lib.dw_open_handles()
        tasks = [asyncio.ensure_future(engine.login("ada", PASSWORD)) for _ in range(20)]
        await asyncio.sleep(0.03)
        cancelled = [task for task in tasks[1::2] if task.cancel()]
        assert len(cancelled) > 5
        await asyncio.wait(tasks)
        assert [task for task in tasks if task.cancelled()] == cancelled
        assert {task.result().account for task in tasks if task not in cancelled} == {rows.world.account}
        assert lib.dw_open_handles() == handles
        await engine.close()

    asyncio.run(main())


def test_a_timeout_of_the_hosts_ends_a_call_that_the_store_never_answers(rows: Rows) -> None:
    async def hangs(*_: Any) -> Any:
        await asyncio.sleep(1000)

    async def main() -> None:
        store = rows.store()
        engine = await rows.opened(store)
        handles = lib.dw_open_handles()
        for at in range(2):
            store.disturb(hangs, at)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(engine.login("ada", PASSWORD), 0.2)
        if hasattr(asyncio, "timeout"):
            store.disturb(hangs, 0)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await engine.logout(rows.world.session_token)
        assert lib.dw_open_handles() == handles
        store.happens = None
        assert (await engine.logout(rows.world.session_token)).ended
        await engine.close()

    asyncio.run(main())


# Too many, and closed.


def test_more_logins_than_there_is_room_for_are_busy_and_none_hangs(rows: Rows) -> None:
    async def main() -> None:
        engine = await rows.opened(rows.store(), hashing=Hashing(at_once=2, queue=10, shares=1))
        handles = lib.dw_open_handles()
        logins = (engine.login("ada", PASSWORD) for _ in range(200))
        ends = Counter(type(end).__name__ for end in await asyncio.gather(*logins, return_exceptions=True))
        assert ends["Login"] >= 12
        assert ends["Busy"] > 100
        assert set(ends) == {"Login", "Busy"}
        assert lib.dw_open_handles() == handles
        assert (await engine.login("ada", PASSWORD)).account == rows.world.account
        await engine.close()

    asyncio.run(main())


def test_where_the_system_gives_no_threads_it_is_busy(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> None:
        engine = await rows.opened(rows.store())
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", none)
            with pytest.raises(Busy):
                await engine.login("ada", PASSWORD)
        assert (await engine.login("ada", PASSWORD)).account == rows.world.account
        await engine.close()

    asyncio.run(main())


def test_an_engine_is_closed_while_operations_are_under_way(rows: Rows) -> None:
    async def slow(store: Disturbed, name: str, arguments: tuple[Any, ...]) -> Any:
        await asyncio.sleep(0.05)
        return await store.undisturbed(name, *arguments)

    async def main() -> None:
        store = rows.store()
        engine = await rows.opened(store)
        handles = lib.dw_open_handles()
        store.disturb(slow, 0, is_once=False)
        logins = [asyncio.ensure_future(engine.login("ada", PASSWORD)) for _ in range(5)]
        others = [asyncio.ensure_future(engine.issue(rows.world.session_token, refresh=True)) for _ in range(5)]
        await asyncio.sleep(0.01)
        await asyncio.gather(engine.close(), engine.close())
        with pytest.raises(Misuse, match="is closed: open another"):
            await engine.sessions(rows.world.account)
        issued = await asyncio.gather(*others)
        assert all(tokens.expires_in == 600 for tokens in issued)
        ends = await asyncio.gather(*logins, return_exceptions=True)
        assert {str(end) for end in ends} == {"this engine was closed during the call"}
        assert lib.dw_open_handles() == handles - 1

    asyncio.run(main())


def test_refusals_while_the_engine_is_closed_are_as_ever(rows: Rows) -> None:
    async def main() -> None:
        store = rows.store()
        engine = await rows.opened(store)

        async def closing(store: Disturbed, name: str, arguments: tuple[Any, ...]) -> Any:
            await engine.close()
            return await store.undisturbed(name, *arguments)

        store.disturb(closing, 0)
        with pytest.raises(Refused) as refused:
            await engine.end_session(rows.world.account, "00" * 16)
        assert refused.value.status == "DW_NOT_FOUND"

    asyncio.run(main())


def test_a_wait_that_is_told_while_the_engine_is_closed_is_not_counted_from_1970(rows: Rows) -> None:
    async def main() -> None:
        store = rows.store()
        engine = await rows.opened(store, policy={"argon2": LIGHT, "throttle": {"free": 1}})
        with pytest.raises(Denied):
            await engine.login("ada", "none of hers at all")

        async def closing(store: Disturbed, name: str, arguments: tuple[Any, ...]) -> Any:
            await engine.close()
            return await store.undisturbed(name, *arguments)

        store.disturb(closing, 0)
        with pytest.raises(Throttled) as throttled:
            await engine.login("ada", PASSWORD)
        assert throttled.value.until > NOW
        assert 1 <= throttled.value.retry_after <= 3600

    asyncio.run(main())
