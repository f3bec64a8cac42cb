"""Scripts that tests run in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import doorward

PRELUDE = """
import asyncio, atexit, builtins, gc, multiprocessing, os, signal, subprocess, sys, tempfile, threading, time
sys.path.insert(0, {tests!r})
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits that it is ignored
POLICY = {{"argon2": {{"memory_kib": 12288, "passes": 1, "lanes": 1}}}}
KEY, PASSWORD = bytes(range(32)), "plum kettle orbit"
"""


class Ended(NamedTuple):
    status: int
    out: str
    err: str


def run(script: str, *flags: str, folder: Path | None = None, timeout: float = 30) -> Ended:
    """Its exit status, negative for a signal, and what it wrote. A hang is a failure."""
    tests = Path(__file__).parent
    path = os.pathsep.join([str(Path(doorward.__file__).parents[1]), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    done = subprocess.run(
        [sys.executable, *flags, "-c", PRELUDE.format(tests=str(tests)) + dedent(script)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": ""},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Ended(done.returncode, done.stdout.strip(), done.stderr.strip())
