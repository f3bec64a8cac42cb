"""The interpreter ends: with engines open, calls under way, in every order. No hang, no crash, nothing on stderr but what is
expected."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts import Ended, run

OPENED = """
import doorward
engine = doorward.Engine.open("memory:", policy=POLICY)
ada = engine.register("ada", PASSWORD)
"""
STEPPED = """
import doorward
from memory_store import MemoryStore

class Slow(MemoryStore):
    is_slow = False

    async def commit(self, batch):
        if self.is_slow:
            await asyncio.sleep(1000)
        return await super().commit(batch)

store = Slow()
opening = doorward.AsyncEngine.open(store, master_key=KEY, policy=POLICY)
"""
ENDED = "this engine is closed: the interpreter is ending"
OVER = "the main thread is over, and with it the interpreter's thread pools: keep it alive while others serve"


@pytest.mark.parametrize(
    "script",
    [
        # Kept by what is torn down last, and by itself; and one with a thread of its own.
        """
builtins.engine = sys.engine = engine.itself = engine
threading.local().another = doorward.Engine.open("memory:", maintain_every=1)
gc.disable()
""",
        "sys.exit(0)",
    ],
)
def test_an_engine_that_is_open_at_the_end_is_closed_in_silence(script: str) -> None:
    assert run(OPENED + script) == Ended(0, "", "")


def test_development_mode_tells_of_it_once() -> None:
    closed = "doorward.Engine.open('memory:').close()\n"
    ended = run(OPENED + closed + "builtins.engine = engine", "-X", "dev")
    assert ended.status == 0
    assert ended.err.count("unclosed <doorward.engine.Engine open>") == 1
    assert len(ended.err.splitlines()) <= 2, ended.err


def test_functions_at_exit_have_the_engine_or_are_told_that_it_is_closed() -> None:
    before = """
    @atexit.register
    def last():
        for call in (engine.now, engine.policy, lambda: engine.login("ada", PASSWORD)):
            try:
                print(call())
            except doorward.Misuse as told:
                print(told)
        engine.close()
    """
    after = """
    @atexit.register
    def first():
        print(engine.login("ada", PASSWORD).account == ada)
    """
    ended = run(before.replace("\n    ", "\n") + OPENED + after.replace("\n    ", "\n"))
    assert ended == Ended(0, "\n".join(["True", *[ENDED] * 3]), "")


def test_what_is_collected_at_the_end_is_told_that_the_engine_is_closed() -> None:
    script = """
class Uses:
    def __init__(self):
        self.engine, self.misuse, self.print = engine, doorward.Misuse, print

    def __del__(self):
        try:
            self.engine.now()
        except self.misuse as told:
            self.print(told)

builtins.uses = Uses()
"""
    assert run(OPENED + script) == Ended(0, ENDED, "")


def test_an_engine_that_is_opened_at_the_end_does_no_harm() -> None:
    script = """
@atexit.register
def last():
    builtins.late = doorward.Engine.open("memory:", policy=POLICY)
    print(len(builtins.late.register("ada", PASSWORD)))
import doorward
"""
    assert run(script) == Ended(0, "32", "")


def only_told(ended: Ended, *also: str) -> None:
    """Threads that went on may have been told so, if they came to say it; nothing else may be said."""
    assert (ended.status, ended.out) == (0, "")
    assert "FATAL" not in ended.err
    errors = {line for line in ended.err.splitlines() if line.startswith("doorward.")}
    assert errors <= {f"doorward.errors.Misuse: {ENDED}", *also}


@pytest.mark.parametrize(
    "work",
    [
        'engine.login("ada", PASSWORD)',
        "engine.authenticate(token); engine.policy()",
        "engine.verify(access)",
        "engine.maintain()",
    ],
)
def test_daemon_threads_in_calls_do_not_disturb_the_end(work: str) -> None:
    script = f"""
token = engine.login("ada", PASSWORD).session_token
access = engine.issue(token, audience="https://api.example", client_id="c").access
engine._parties = type(engine._parties)("https://api.example", "c")

def go_on():
    while True:
        {work}

def tell(told):
    # In one piece: the traceback that Python writes is many, and threads write between each other's.
    os.write(2, f"{{told.exc_type.__module__}}.{{told.exc_type.__name__}}: {{told.exc_value}}\\n".encode())

threading.excepthook = tell
for _ in range(8):
    threading.Thread(target=go_on, daemon=True).start()
time.sleep(0.2)
"""
    only_told(run(OPENED + script))


def test_a_daemon_thread_in_a_backup_does_not_abort_the_process(tmp_path: Path) -> None:
    """The interpreter ends a thread that wants to go on by unwinding its stack, on which the library may not be."""
    script = """
import doorward
engine = doorward.Engine.open("sqlite:database", master_key=KEY)
for _ in range(60):
    engine.open_session(bytes(16000))
called = threading.Event()

def progress(done, of):
    called.set()
    time.sleep(0.1)

def back_up():
    try:
        engine.backup("copy", progress)
    except doorward.Misuse:
        pass

class Late:
    sleep = staticmethod(time.sleep)

    def __del__(self):
        self.sleep(0.3)  # the thread wakes up meanwhile

builtins.late = Late()
threading.Thread(target=back_up, daemon=True).start()
called.wait()
"""
    assert run(script, folder=tmp_path) == Ended(0, "", "")
    assert not (tmp_path / "copy").exists()


def test_threads_are_waited_for_and_their_calls_end() -> None:
    script = """
def go_on():
    for _ in range(10):
        assert engine.login("ada", PASSWORD).account == ada
    print("done")

threading.Thread(target=go_on).start()
"""
    assert run(OPENED + script) == Ended(0, "done", "")


def test_an_interrupt_in_a_call_ends_it_when_it_returns() -> None:
    script = """
threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    while True:
        engine.login("ada", PASSWORD)
except KeyboardInterrupt:
    print("interrupted")
print(engine.login("ada", PASSWORD).account == ada)
"""
    assert run(OPENED + script) == Ended(0, "interrupted\nTrue", "")


def test_an_interrupt_that_nobody_catches_ends_the_process_as_ever() -> None:
    script = """
threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
while True:
    engine.login("ada", PASSWORD)
"""
    ended = run(OPENED + script)
    assert ended.status == -2
    assert ended.err.splitlines()[-1] == "KeyboardInterrupt"


def test_interrupts_at_any_place_leave_nothing_open() -> None:
    script = """
from doorward._native import lib
import itertools, random
interrupts = 0

def interrupt(*_):
    global interrupts
    interrupts += 1
    raise KeyboardInterrupt

engine.close()
signal.signal(signal.SIGALRM, interrupt)
end = time.monotonic() + 1
opened = 0
while time.monotonic() < end:
    late = None
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.00005, 0.002))
        try:
            late = doorward.Engine.open("memory:", policy=POLICY)
            late.open_session(b"plums")
            opened += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        pass
    if late is not None:
        late.close()
    gc.collect(0)
gc.collect()
print(interrupts > 10, opened > 10, lib.dw_open_handles())
"""
    ended = run(OPENED + script)
    assert (ended.status, ended.out) == (0, "True True 0"), ended


# Event loops.


def test_tasks_that_are_pending_when_a_loop_ends_are_cancelled_in_silence() -> None:
    script = """
async def main():
    engine = builtins.engine = await opening
    await engine.register("ada", PASSWORD)
    store.is_slow = True
    tasks = [asyncio.ensure_future(engine.login("ada", PASSWORD)) for _ in range(5)]
    await asyncio.sleep(0.1)  # at the store
    tasks += [asyncio.ensure_future(engine.login("ada", PASSWORD)) for _ in range(20)]
    await asyncio.sleep(0.01)  # hashing
    builtins.tasks = tasks

asyncio.run(main())
from doorward._native import lib
print({task.cancelled() for task in builtins.tasks}, lib.dw_open_handles())
"""
    assert run(STEPPED + script) == Ended(0, "{True} 1", "")


def test_a_loop_that_is_abandoned_with_an_operation_under_way_says_no_more_than_asyncio() -> None:
    script = """
loop = asyncio.new_event_loop()
engine = loop.run_until_complete(opening)
task = loop.create_task(engine.register("ada", PASSWORD))
loop.run_until_complete(asyncio.sleep(0.001))
"""
    ended = run(STEPPED + script)
    assert (ended.status, ended.out) == (0, "")
    assert all(line.startswith(("Task was destroyed", "task: <Task pending")) for line in ended.err.splitlines()), ended.err


def test_an_opening_that_is_never_awaited_says_no_more_than_python() -> None:
    ended = run(STEPPED)
    assert (ended.status, ended.out) == (0, "")
    assert "never awaited" in ended.err
    assert "Traceback" not in ended.err


def test_a_loop_in_a_daemon_thread_does_not_disturb_the_end() -> None:
    script = """
async def main():
    engine = await opening
    await engine.register("ada", PASSWORD)
    for _ in range(8):
        asyncio.ensure_future(go_on(engine))
    ready.set()
    await asyncio.sleep(1000)

async def go_on(engine):
    while True:
        await engine.login("ada", PASSWORD)

ready = threading.Event()
threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
ready.wait()
time.sleep(0.2)
"""
    # The interpreter gives no more threads.
    only_told(
        run(STEPPED + script),
        "doorward.errors.Busy: there is no room to hash a password now: try again later",
        f"doorward.errors.Misuse: {OVER}",
    )
