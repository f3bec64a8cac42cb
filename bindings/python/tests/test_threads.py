"""A call releases the GIL."""

from __future__ import annotations

import threading
import time

from conftest import PASSWORD

import doorward

# A hash that takes a good while: 256 MiB.
SLOW = {"argon2": {"memory_kib": 262144, "passes": 3, "lanes": 1}}


def test_other_threads_run_while_a_password_is_hashed() -> None:
    with doorward.Engine.open("memory:", policy=SLOW) as engine:
        hashing = threading.Thread(target=engine.register, args=("ada", PASSWORD))
        begun = time.perf_counter()
        hashing.start()
        longest, last, turns = 0.0, time.perf_counter(), 0
        while hashing.is_alive():
            now = time.perf_counter()
            longest, last, turns = max(longest, now - last), now, turns + 1
        took = last - begun
    # With the GIL held this thread would have stood still for nearly all of it.
    assert turns > 100
    assert longest < took / 2, f"stood still for {longest:.3f} s of {took:.3f} s"
