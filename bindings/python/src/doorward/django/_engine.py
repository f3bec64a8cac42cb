"""The engine of this process."""

from __future__ import annotations

import atexit
import os
from threading import Lock
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .. import ConfigError, Engine
from ._settings import open_arguments, problems

_lock = Lock()
_engine: Engine | None = None


def engine() -> Engine:
    """The engine that ``settings.DOORWARD`` describes: one in each process, opened at first use and closed at exit.

    :raises ImproperlyConfigured: with a sentence that says what to change.
    :raises Misuse: in a process that was forked while its parent had the engine open.
    """
    opened = _engine
    return _opened() if opened is None else opened


def _opened() -> Engine:
    global _engine
    with _lock:
        if _engine is None:
            found = list(problems())
            if found:
                raise ImproperlyConfigured(" ".join(f"{problem.message} {problem.hint}" for problem in found))
            try:
                _engine = Engine.open(**open_arguments())
            except ConfigError as error:
                raise ImproperlyConfigured(f"DOORWARD: {error}") from error
        return _engine


@atexit.register
def close() -> None:
    """Closes the engine; the next use opens another."""
    global _engine
    with _lock:
        closing, _engine = _engine, None
        if closing is not None:
            closing.close()


def reopen_for_tests(*, setting: str, **_: Any) -> None:
    """Receives ``setting_changed``, which only tests send."""
    if setting == "DOORWARD":
        close()


def _in_child() -> None:
    global _lock
    _lock = Lock()  # another thread of the parent may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
