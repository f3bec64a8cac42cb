"""Forks: with engines open, closed, being opened, in calls. Each test is a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from scripts import Ended
from scripts import run as run_script

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

FORKS = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of a fork with threads, from Python 3.12 on
import doorward
from doorward import AsyncEngine, Engine, Misuse
from doorward._native import lib

def forked(work, leave=os._exit):
    "Runs it in a child, which must come to its end."
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        sys.stdout.flush()
        leave(0)
        raise AssertionError
    end = time.monotonic() + 10
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hangs"

def refused(call, words):
    try:
        given = call()
        if hasattr(given, "send"):
            asyncio.new_event_loop().run_until_complete(given)
    except Misuse as told:
        assert words in str(told), told
    else:
        raise AssertionError(call)

def opened(store="sqlite:database"):
    return Engine.open(store, master_key=KEY, policy=POLICY, audience="https://api.example")

def intact():
    import sqlite3
    database = sqlite3.connect("database")
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()

FORKED, INHERITED = "was opened before this process was forked", "open engines after the fork"
"""
STEPPED = """
from memory_store import MemoryStore

class Waiting(MemoryStore):
    waits = False

    async def read(self, keys):
        if self.waits:
            await asyncio.sleep(0.2)
        return await super().read(keys)

store = Waiting()

async def begun():
    engine = await AsyncEngine.open(store, master_key=KEY, policy=POLICY)
    await engine.register("ada", PASSWORD)
    return engine
"""


def run(script: str, folder: Path) -> None:
    """It says nothing, and succeeds."""
    assert run_script(FORKS + script, folder=folder) == Ended(0, "", "")


@pytest.mark.parametrize("leave", ["os._exit", "sys.exit"])
def test_a_child_uses_no_engine_of_its_parent_and_does_not_disturb_it(leave: str, tmp_path: Path) -> None:
    script = f"""
import inspect
engine = opened()
ada = engine.register("ada", PASSWORD)
token = engine.login("ada", PASSWORD).session_token

def child():
    calls = {{name: method for name, method in inspect.getmembers(engine, inspect.ismethod) if name[0] != "_"}}
    for name in set(calls) - {{"close", "open"}}:
        parameters = inspect.signature(calls[name]).parameters.values()
        given = {{one.name: one.default for one in parameters}}
        given.update(session_token=token, account=ada, session_id=ada, name="ada", password=PASSWORD, token=token)
        given.update(access_token=token, refresh_token=token, new=PASSWORD, current=PASSWORD, data=b"", now=5, path="x")
        arguments = {{one.name: given[one.name] for one in parameters}}
        refused(lambda: calls[name](**arguments), FORKED)
    assert len(calls) > 30
    refused(engine.__enter__, FORKED)
    refused(opened, INHERITED)
    refused(lambda: Engine.open("memory:"), INHERITED)
    refused(lambda: AsyncEngine.open(None), INHERITED)
    assert repr(engine) == "<doorward.engine.Engine closed>"
    engine.close()
    assert lib.dw_open_handles() == 1  # nothing of the parent's is freed

for _ in range(3):
    assert forked(child, {leave}) == 0
    assert engine.authenticate(token).account == ada
    assert engine.login("ada", PASSWORD).account == ada

def collecting():
    global engine
    engine = None
    gc.collect()
    assert lib.dw_open_handles() == 1

assert forked(collecting, {leave}) == 0
assert engine.authenticate(token).account == ada
engine.close()
intact()
with opened() as engine:
    assert len(engine.sessions(ada)) == 4
"""
    run(script, tmp_path)


def test_an_engine_that_was_closed_before_the_fork_does_no_harm(tmp_path: Path) -> None:
    script = """
engine = opened()
ada = engine.register("ada", PASSWORD)
engine.close()
tokens = tempfile.TemporaryFile("w+")

def child():
    with opened() as engine:
        tokens.write(engine.login("ada", PASSWORD).session_token + "\\n")
        tokens.flush()
        # A child's child, while the child has one open.
        assert forked(lambda: refused(opened, INHERITED)) == 0
    # And while it has none.
    assert forked(lambda: opened().close()) == 0

for _ in range(3):
    assert forked(child, sys.exit) == 0
    with opened() as engine:
        assert engine.login("ada", PASSWORD).account == ada
tokens.seek(0)
found = tokens.read().split()
# None is made twice: nobody shares a random source with a child.
assert len(set(found)) == 3
with opened() as engine:
    assert {engine.authenticate(token).account for token in found} == {ada}
intact()
"""
    run(script, tmp_path)


def test_a_childs_child_is_refused_as_the_child_is(tmp_path: Path) -> None:
    script = """
engine = opened("memory:")

def child():
    assert forked(grandchild) == 0
    refused(engine.now, FORKED)

def grandchild():
    refused(engine.now, FORKED)
    refused(opened, INHERITED)

assert forked(child) == 0
engine.now()
engine.close()
assert forked(lambda: opened().close()) == 0
"""
    run(script, tmp_path)


def test_a_fork_while_another_thread_opens_is_one_with_an_open_engine(tmp_path: Path) -> None:
    script = """
is_opening, goes_on = threading.Event(), threading.Event()

class Slow:
    def __fspath__(self):
        is_opening.set()
        goes_on.wait()
        return "key"

def opening():
    Engine.open("sqlite:database", key_file=Slow(), create_key_file=True).close()

thread = threading.Thread(target=opening)
thread.start()
is_opening.wait()
assert forked(lambda: refused(opened, INHERITED)) == 0
goes_on.set()
thread.join()
assert forked(lambda: Engine.open("sqlite:database", key_file="key").close()) == 0
"""
    run(script, tmp_path)


def test_a_fork_while_a_call_is_under_way_is_one_with_an_open_engine_though_it_was_closed(tmp_path: Path) -> None:
    """The thread in the call may hold the library's locks, which the child would wait for."""
    script = """
engine = opened()
is_called, goes_on = threading.Event(), threading.Event()

def progress(done, of):
    is_called.set()
    goes_on.wait()

thread = threading.Thread(target=lambda: engine.backup("copy", progress))
thread.start()
is_called.wait()
engine.close()
assert forked(lambda: refused(opened, INHERITED)) == 0
goes_on.set()
thread.join()
assert forked(lambda: opened().close()) == 0
"""
    run(script, tmp_path)


def test_forks_amid_openings_calls_and_closings_never_hang(tmp_path: Path) -> None:
    script = """
store = "memory:"
stop = threading.Event()

def go_on():
    while not stop.is_set():
        with opened("memory:") as engine:
            for _ in range(3):
                engine.open_session(b"plums")

threads = [threading.Thread(target=go_on) for _ in range(3)]
for thread in threads:
    thread.start()

def child():
    try:
        opened("memory:").close()
    except Misuse as told:
        assert INHERITED in str(told)

results = [forked(child) for _ in range(40)]
stop.set()
for thread in threads:
    thread.join()
assert results == [0] * 40, results
"""
    run(script, tmp_path)


def test_a_fork_in_a_backups_progress_leaves_the_backup_to_the_parent(tmp_path: Path) -> None:
    script = """
engine = opened()
ada = engine.register("ada", PASSWORD)
children = []

def progress(done, of):
    if not children:
        children.append(forked(lambda: refused(engine.now, FORKED)))

engine.backup("copy", progress)
assert children == [0]
engine.close()
with Engine.open("sqlite:copy", master_key=KEY) as copy:
    copy.after_restore()
    assert copy.login("ada", PASSWORD).account == ada
"""
    run(script, tmp_path)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_of_every_kind(method: str, tmp_path: Path) -> None:
    (tmp_path / "works.py").write_text(
        "import doorward\n"
        "def work(name):\n"
        "    try:\n"
        "        with doorward.Engine.open('sqlite:database', master_key=bytes(range(32))) as engine:\n"
        "            return engine.open_session(b'plums')\n"
        "    except doorward.Misuse as told:\n"
        "        return str(told)\n"
    )
    script = f"""
if __name__ == "__main__":
    sys.path.insert(0, ".")
    import works
    engine = opened()
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        told = pool.map(works.work, ["a", "b"])
        try:
            pool.apply(works.work, [engine])
        except Misuse as refused:
            assert "open one in each process" in str(refused)
        else:
            raise AssertionError
    if {method!r} == "fork":
        assert all(INHERITED in one and "spawn" in one for one in told), told
    else:
        assert [engine.session_data(token).data for token in told] == [b"plums"] * 2
    engine.close()
"""
    run(script, tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_other_programs_are_started_beside_an_open_engine_and_inherit_nothing_of_it(tmp_path: Path) -> None:
    script = """
engine = opened()
descriptors = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
assert any(path.endswith("/database") for path in descriptors), descriptors
lists = "import os; print([os.path.realpath(f'/proc/self/fd/{number}') for number in os.listdir('/proc/self/fd')])"
listed = subprocess.run([sys.executable, "-c", lists], close_fds=False, capture_output=True, text=True, check=True)
assert "pipe:" in listed.stdout
assert "database" not in listed.stdout, listed.stdout
assert os.system("true") == 0
engine.register("ada", PASSWORD)
engine.close()
intact()
"""
    run(script, tmp_path)


# Event loops.


def test_a_child_uses_no_async_engine_of_its_parent(tmp_path: Path) -> None:
    script = """
async def main():
    engine = await begun()

    def child():
        refused(engine.now, FORKED)
        refused(engine.policy, FORKED)
        refused(lambda: engine.login("ada", PASSWORD), FORKED)
        refused(engine.__aenter__, FORKED)
        refused(lambda: AsyncEngine.open(MemoryStore(), master_key=KEY), INHERITED)
        asyncio.new_event_loop().run_until_complete(engine.close())

    # Not by sys.exit: asyncio itself would end its parent's loop with its own.
    assert forked(child) == 0
    await engine.login("ada", PASSWORD)
    await engine.close()
    assert forked(lambda: asyncio.run(open_and_close())) == 0

async def open_and_close():
    await (await AsyncEngine.open(MemoryStore(), master_key=KEY)).close()

asyncio.run(main())
"""
    run(STEPPED + script, tmp_path)


def test_operations_that_are_under_way_at_a_fork_are_the_parents_alone(tmp_path: Path) -> None:
    """A child collects their coroutines, or would go on with them."""
    script = """
async def main():
    engine = await begun()
    store.waits = True
    coroutines = [engine.login("ada", PASSWORD) for _ in range(3)]
    tasks = [asyncio.ensure_future(one) for one in coroutines]
    await asyncio.sleep(0.1)
    handles = lib.dw_open_handles()
    assert handles == 4

    def collecting():
        for coroutine in coroutines:
            coroutine.close()
        gc.collect()
        assert lib.dw_open_handles() == handles

    def going_on():
        # As its loop would, when the store has answered.
        for coroutine in coroutines:
            told = None
            try:
                while True:
                    coroutine.send(None)
            except Misuse as misuse:
                told = str(misuse)
            assert FORKED in told
        assert lib.dw_open_handles() == handles

    assert forked(collecting) == 0
    assert forked(going_on) == 0
    assert len({(await task).account for task in tasks}) == 1
    await engine.close()

asyncio.run(main())
"""
    run(STEPPED + script, tmp_path)


def test_an_opening_that_is_under_way_at_a_fork_is_the_parents(tmp_path: Path) -> None:
    script = """
async def main():
    store.waits = True
    opening = asyncio.ensure_future(begun())
    await asyncio.sleep(0.1)
    assert forked(lambda: refused(opened, INHERITED)) == 0
    await (await opening).close()
    assert forked(lambda: opened("memory:").close()) == 0

asyncio.run(main())
"""
    run(STEPPED + script, tmp_path)
