"""What an exception shows of what was given."""

from __future__ import annotations

import traceback
from collections.abc import Iterator


def shown(error: BaseException) -> str:
    """All that logs and reports of crashes could show of an exception, but for local variables."""
    return "\n".join([*traceback.format_exception(error), *(part for one in _chain(error) for part in _parts(one))])


def _parts(error: BaseException) -> Iterator[str]:
    yield str(error)
    yield repr(error)
    yield repr(error.args)
    yield repr(vars(error))
    yield from getattr(error, "__notes__", [])


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and one not in seen:
            seen.append(one)
            waiting += [one.__cause__, one.__context__]
    return iter(seen)
