"""The engines do what the model says, on every kind of store: see :mod:`model`.

A search goes on for ``DOORWARD_SEARCH_SECONDS`` on each kind, from other seeds each time; without, it is short and always the
same. The judge's program is ``DOORWARD_JUDGE``, or what cargo builds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from model.judge import Judge
from model.machine import walk
from model.stores import Async, Memory, Sled, Sqlite, Stores

SECONDS = int(os.environ.get("DOORWARD_SEARCH_SECONDS", "0"))
STEPS = 50
EXAMPLES: dict[Callable[[Path], Stores], int] = {Memory: 40, Sqlite: 8, Sled: 10, Async: 24}
A_SEARCH = 25
"""So many walks are drawn from a seed."""
ENOUGH = 30
"""In so many walks nearly each call has once been done as asked."""
CALLS = {
    *("register", "set_password", "rename", "unlock", "disable", "enable", "mark_compromised", "delete_account"),
    *("login", "authenticate", "logout", "logout_everywhere", "sessions", "end_session", "reauthenticate"),
    *("change_password", "rotate_session", "open_session", "session_data", "update_session_data"),
    *("issue", "refresh", "verify", "introspect", "revoke", "jwks", "rotate_keys", "revoke_all_tokens"),
    *("maintain", "purge", "after_restore"),
}


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__.lower())
def test_an_engine_does_what_the_model_says(judge: Judge, kind: Callable[[Path], Stores], tmp_path: Path) -> None:
    machine = walk(judge, partial(kind, tmp_path))
    chosen = settings(
        max_examples=A_SEARCH if SECONDS else EXAMPLES[kind],
        stateful_step_count=STEPS,
        derandomize=not SECONDS,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    end = time.monotonic() + SECONDS
    while True:
        run_state_machine_as_test(machine, settings=chosen)
        if time.monotonic() >= end:
            break
    if EXAMPLES[kind] >= ENOUGH:
        never = CALLS - machine.met
        assert len(never) <= len(CALLS) // 6, f"never done as asked: {never}"
