"""One process of many on a SQLite file: threads that log in, ask and log out, and write down what they saw.

A line for each call: when it began and ended by the system's monotonic clock, which all processes share, what was asked, and
the answer. `judge` reads them all afterwards. Tokens go from process to process in the same lines.
"""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import doorward

AUDIENCE = "https://api.example"
PASSWORD = "plum kettle orbit"
NAMES = [f"person{number}" for number in range(6)]


def opened(folder: Path) -> doorward.Engine:
    return doorward.Engine.open(
        f"sqlite:{folder / 'many.db'}",
        key_file=folder / "many.key",
        create_key_file=True,
        audience=AUDIENCE,
        # Who logs in this often from everywhere is no thief here.
        policy={"session_cap": None},
    )


@dataclass
class Seen:
    """A session that somebody has logged in to."""

    session: str
    account: str
    token: str
    access: str | None = None


class Process:
    """Of ``work``: the threads of one process, and what they know."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder = folder
        self.number = number
        self.lines = (folder / f"lines.{number}").open("a", buffering=1)
        self.lock = threading.Lock()
        self.known: list[Seen] = []
        self.read: dict[Path, int] = {}
        self.problems: list[BaseException] = []

    def run(self, engine: doorward.Engine, seconds: float, threads: int) -> None:
        end = time.monotonic() + seconds
        working = [
            threading.Thread(target=self._work, args=(engine, end, random.Random(self.number * 1000 + thread)))
            for thread in range(threads)
        ]
        for thread in working:
            thread.start()
        for thread in working:
            thread.join()
        self.lines.close()
        if self.problems:
            raise self.problems[0]

    def _work(self, engine: doorward.Engine, end: float, rng: random.Random) -> None:
        try:
            while time.monotonic() < end:
                self._step(engine, rng)
        except BaseException as problem:
            self.problems.append(problem)

    def _step(self, engine: doorward.Engine, rng: random.Random) -> None:
        known = self._known()
        chance = rng.random()
        if chance < 0.12 or not known:
            self._login(engine, rng)
            return
        seen = rng.choice(known[-60:])
        if chance < 0.60:
            self._ask("authenticate", seen, lambda: engine.authenticate(seen.token).session_id)
        elif chance < 0.80 and seen.access is not None:
            access = seen.access
            self._ask("verify", seen, lambda: engine.verify(access)["sid"])
        elif chance < 0.93:
            self._ask("logout", seen, lambda: engine.logout(seen.token).session)
        elif chance < 0.97:
            self._ask("end_session", seen, lambda: engine.end_session(seen.account, seen.session).session)
        elif chance < 0.98:
            self._ask("logout_everywhere", seen, lambda: engine.logout_everywhere(seen.account))
        else:
            self._ask("maintain", seen, engine.maintain)

    def _login(self, engine: doorward.Engine, rng: random.Random) -> None:
        begun = time.monotonic_ns()
        try:
            login = engine.login(rng.choice(NAMES), PASSWORD)
            access = engine.issue(login.session_token).access
        except doorward.SessionGone:
            return  # somebody was quicker
        except (doorward.Busy, doorward.StoreError) as error:
            self._only_transient(error)
            return
        seen = Seen(login.session, login.account, login.session_token, access)
        with self.lock:
            self.known.append(seen)
        self._write("login", seen, begun, "ok", token=seen.token, access=access)

    def _ask(self, what: str, seen: Seen, call: Any) -> None:
        begun = time.monotonic_ns()
        try:
            answer = call()
        except (doorward.SessionGone, doorward.TokenInvalid, doorward.NotFound) as gone:
            outcome = f"no: {gone.reason}"
        except doorward.StoreError as error:
            self._only_transient(error)
            outcome = f"failed: {error.kind}"
        else:
            outcome = "ok" if what in ("logout_everywhere", "maintain") or answer == seen.session else f"wrong: {answer}"
        self._write(what, seen, begun, outcome)

    def _write(self, what: str, seen: Seen, begun: int, outcome: str, **more: str) -> None:
        ended = time.monotonic_ns()
        line = {
            "what": what,
            "session": seen.session,
            "account": seen.account,
            "begun": begun,
            "ended": ended,
            "outcome": outcome,
        }
        with self.lock:
            self.lines.write(json.dumps({**line, **more}) + "\n")

    @staticmethod
    def _only_transient(error: doorward.Error) -> None:
        if not error.is_transient:
            raise error

    def _known(self) -> list[Seen]:
        """What this process knows, and now and then what the others have written."""
        if random.random() < 0.02:
            with self.lock:
                for path in self.folder.glob("lines.*"):
                    if path.name != f"lines.{self.number}":
                        self._take(path)
        return self.known

    def _take(self, path: Path) -> None:
        with path.open() as lines:
            lines.seek(self.read.get(path, 0))
            whole, _, _ = lines.read().rpartition("\n")
        self.read[path] = self.read.get(path, 0) + len(whole.encode()) + (1 if whole else 0)
        for line in whole.splitlines():
            said = json.loads(line)
            if said["what"] == "login":
                self.known.append(Seen(said["session"], said["account"], said["token"], said["access"]))


def work(folder: Path, number: int, seconds: float, threads: int) -> None:
    with opened(folder) as engine:
        Process(folder, number).run(engine, seconds, threads)
