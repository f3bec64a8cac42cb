"""What a fork, and the interpreter's end, do to open engines.

A child process has a copy of its parent's locks, as they happened to be, and of SQLite's idea of which files are locked, but
none of the threads. So an engine of the parent is not used in the child, and where the parent had one open, the child opens no
other: both are refused with a sentence that says what to do. An engine that was closed before the fork does no harm, once the
calls with it have returned.

When the interpreter ends, whatever is open is closed. Daemon threads that go on meanwhile are told so.
"""

from __future__ import annotations

import atexit
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ._native import ffi, lib
from .errors import Error, Misuse

_CLOSED = "is closed: open another"
_FORKED = "was opened before this process was forked, whose parent goes on with it: open one in each process"
_ENDED = "is closed: the interpreter is ending"


class Held:
    """A handle of the library: from before it is made until it is freed, so that an interrupt between loses none."""

    def __init__(self, kind: str) -> None:
        self.slot: Any = ffi.new(f"dw_{kind}*[1]")
        """Where the library puts it."""
        self.handle: Any = None
        """It, while it may be used."""
        self.engine = ""
        """What is open by it."""
        self.freed: Callable[[], None] | None = None
        """What is to be called when it was freed."""
        self._free = getattr(lib, f"dw_{kind}_free")
        self._why_shut = ""

    def made(self) -> None:
        """It is in its slot. It may have been shut, and freed, before this was said."""
        self.handle = self.slot[0]
        if self._why_shut:
            self.handle = None

    def use(self) -> Any:
        """It, for a call."""
        handle = self.handle
        if handle is None:
            raise Misuse(f"this engine {self._why_shut or _CLOSED}")
        return handle

    def refused(self, why: Error) -> Error:
        """Why a call with it was refused. Where it was shut between :meth:`use` and the call, that is raised instead."""
        if why.status == "DW_HANDLE":
            self.use()
        return why

    def shut(self, why: str) -> None:
        """Refuses its use from now on."""
        self._why_shut = self._why_shut or why
        self.handle = None

    def release(self) -> None:
        """Frees it, and never in a child. A second time does nothing."""
        if self in _held:
            self.shut(_CLOSED)
            try:
                self._free(self.slot[0])
            finally:
                _held.discard(self)
                if self.freed is not None:
                    self.freed()


# Sets, because adding to one is a single step for other threads, and for a fork in one of them.
underway: set[object] = set()
"""The calls of the library that are under way: each adds something of its own. The engine may be closed meanwhile."""
calling_back: set[object] = set()
"""Those of them that call Python back. They end early when the interpreter does: it ends threads in a way that the library,
which is below them then, takes for the end of the process."""
_held: set[Held] = set()
_inherited = False
_is_ending = False


def is_ending() -> bool:
    return _is_ending


def hold(kind: str) -> Held:
    """A handle that is to be made. It is freed at the latest when the interpreter ends."""
    held = Held(kind)
    _held.add(held)
    return held


@contextmanager
def opening(kind: str) -> Iterator[Held]:
    """The handle of what is opened: a fork meanwhile is one with an open engine."""
    if _inherited:
        raise Misuse(
            "this process was forked while its parent had an engine open, whose locks it has copied: open engines after the"
            ' fork, in each process, or use multiprocessing\'s "spawn" or "forkserver"'
        )
    held = hold(kind)
    try:
        yield held
    except BaseException:
        held.release()
        raise


def _in_child() -> None:
    global _inherited
    _inherited = _inherited or bool(_held or underway)
    for held in list(_held):
        held.shut(_FORKED)
    for marks in (_held, underway, calling_back):
        marks.clear()


@atexit.register
def _at_exit() -> None:
    global _is_ending
    _is_ending = True
    open_still = list(_held)
    for held in open_still:
        held.shut(_ENDED)
    # One step of each, unless a callback of the host's takes longer.
    last = time.monotonic() + 10
    while calling_back and time.monotonic() < last:
        time.sleep(0.001)
    for held in open_still:
        held.release()
    for held in open_still:
        if held.engine:
            warnings.warn(f"unclosed {held.engine}", ResourceWarning, stacklevel=1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
