"""The engines that a walk goes through."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any, ClassVar, Protocol

from doorward import AsyncEngine, Engine

from .rows import Rows


class Opened(Protocol):
    """An engine, blocking or not."""

    @property
    def engine(self) -> Engine | AsyncEngine: ...
    def call(self, method: str, given: dict[str, Any]) -> Any: ...
    def close(self) -> None: ...


class Stores(Protocol):
    """An empty store, and the engines on it."""

    engines: int
    """How many are open on it at once."""
    forgets: bool
    """When its last engine is closed."""

    def open(self, **given: Any) -> Opened: ...
    def close(self) -> None: ...


class Blocking:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def call(self, method: str, given: dict[str, Any]) -> Any:
        return getattr(self.engine, method)(**given)

    def close(self) -> None:
        self.engine.close()


class OfEngine:
    """One of the package's own, in a folder that goes with it."""

    kind: ClassVar[str]
    engines: int = 1
    forgets: bool = False

    def __init__(self, folder: Path, engine: type[Engine] = Engine) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=folder)
        self._engine = engine

    def open(self, **given: Any) -> Opened:
        return Blocking(self._engine.open(f"{self.kind}:{self._place()}", **given))

    def _place(self) -> str:
        return str(Path(self._folder.name) / "store")

    def close(self) -> None:
        self._folder.cleanup()


class Memory(OfEngine):
    kind = "memory"
    forgets = True

    def _place(self) -> str:
        return ""


class Sqlite(OfEngine):
    """With two engines, as two processes have them."""

    kind = "sqlite"
    engines = 2


class Sled(OfEngine):
    kind = "sled"


class Awaited:
    def __init__(self, loop: asyncio.AbstractEventLoop, engine: AsyncEngine) -> None:
        self._loop = loop
        self.engine = engine

    def call(self, method: str, given: dict[str, Any]) -> Any:
        return self._loop.run_until_complete(getattr(self.engine, method)(**given))

    def close(self) -> None:
        self._loop.run_until_complete(self.engine.close())


class Async:
    """Two ``AsyncEngine`` on rows of the host's own."""

    engines: int = 2
    forgets: bool = False

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._rows = Rows()

    def open(self, **given: Any) -> Opened:
        return Awaited(self._loop, self._loop.run_until_complete(AsyncEngine.open(self._rows, durable=False, **given)))

    def close(self) -> None:
        self._loop.close()
