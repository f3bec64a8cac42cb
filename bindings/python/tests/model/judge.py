"""The judge's process."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[4]
"""Of the Rust workspace."""

Perform = Callable[[dict[str, Any]], dict[str, Any]]


def binary() -> str:
    """The program: ``DOORWARD_JUDGE``, or what cargo builds."""
    if named := os.environ.get("DOORWARD_JUDGE"):
        return named
    build = ["cargo", "build", "--locked", "-p", "doorward-fuzz", "--bin", "judge", "--message-format", "json"]
    built = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    artifacts = (json.loads(line) for line in built.stdout.splitlines())
    programs = [artifact["executable"] for artifact in artifacts if artifact.get("executable")]
    return str(programs[-1])


class Wrong(AssertionError):
    """The engine is not as the model has it."""


class Judge:
    """A judge that waits for a walk to begin."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._process: subprocess.Popen[str] | None = None

    def begin(self, cap: tuple[str, int] | None, peppers: bool, shared_secret: bool) -> dict[str, Any]:
        """Forgets all, and gives what engines are to be opened with."""
        told = self._ask({"begin": {"cap": cap, "peppers": peppers, "shared_secret": shared_secret}})
        settings: dict[str, Any] = told["begun"]
        return settings

    def move(self, move: dict[str, Any], perform: Perform) -> int:
        """Makes a move, for which ``perform`` makes a call. Gives the time.

        :raises Wrong: it was answered what it should not be.
        """
        said = self._ask({"move": move})
        try:
            while "call" in said:
                said = self._ask({"told": perform(said)})
        except BaseException:
            self.close()  # it waits for what never comes
            raise
        if "wrong" in said:
            raise Wrong(said["wrong"])
        return int(said["right"])

    def _ask(self, line: dict[str, Any]) -> dict[str, Any]:
        if self._process is None:
            self._process = subprocess.Popen(
                [self._program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
            )
        to, of = self._process.stdin, self._process.stdout
        assert to is not None
        assert of is not None
        to.write(json.dumps(line) + "\n")
        to.flush()
        told = of.readline()
        assert told, f"the judge has ended with {self._process.wait()}; it was told {line}"
        said: dict[str, Any] = json.loads(told)
        return said

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
