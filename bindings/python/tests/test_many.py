"""Threads and forked processes on one SQLite file. ``DOORWARD_SEARCH_SECONDS=60`` for a minute of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from many.judge import judge

SECONDS = float(os.environ.get("DOORWARD_SEARCH_SECONDS", "6"))


def test_eight_threads_and_four_forked_processes_on_one_file(tmp_path: Path) -> None:
    # In a process of its own: this one may have engines open, and then its children may have none.
    command = [sys.executable, "-m", "many", str(tmp_path), str(SECONDS), "8", "4"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=SECONDS + 60, check=False)
    print(done.stdout[-4000:])
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    for outcome in ("authenticate: ok", "authenticate: no: ended", "verify: ok", "verify: no: ended", "logout: ok"):
        assert outcome in done.stdout, done.stdout


def call(what: str, begun: int, ended: int, outcome: str = "ok", session: str = "s") -> dict[str, Any]:
    return {"what": what, "session": session, "account": "a", "begun": begun, "ended": ended, "outcome": outcome}


LOGIN = call("login", 0, 1)


@pytest.mark.parametrize(
    "said",
    [
        [LOGIN, call("logout", 2, 3), call("authenticate", 4, 5)],
        [LOGIN, call("logout", 2, 3, "no: ended"), call("verify", 4, 5)],
        [LOGIN, call("logout_everywhere", 2, 3, session="other"), call("authenticate", 4, 5)],
        [LOGIN, call("authenticate", 2, 3, "no: ended"), call("logout", 4, 5)],
        [LOGIN, call("authenticate", 2, 3, "no: expired")],
        [LOGIN, call("authenticate", 2, 3, "wrong: other")],
    ],
)
def test_the_judge_finds_what_cannot_be(said: list[dict[str, Any]]) -> None:
    wrong, _ = judge(said)
    assert len(wrong) == 1


@pytest.mark.parametrize(
    "said",
    [
        [LOGIN, call("logout", 2, 6), call("authenticate", 3, 5), call("authenticate", 4, 5, "no: ended")],
        [LOGIN, call("logout", 2, 3), call("authenticate", 4, 5, "no: ended")],
        [LOGIN, call("logout", 2, 3, "failed: contended"), call("authenticate", 4, 5)],
        [call("login", 0, 4), call("logout_everywhere", 2, 3, session="other"), call("authenticate", 5, 6)],
    ],
)
def test_the_judge_accepts_what_can_be(said: list[dict[str, Any]]) -> None:
    assert judge(said)[0] == []
