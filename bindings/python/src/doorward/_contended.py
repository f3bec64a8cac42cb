"""Writes of one session that many requests write at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .errors import StoreError

T = TypeVar("T")

_ATTEMPTS = 10


def persistent(write: Callable[[], T]) -> T:
    """What this write gives, which is made again while others keep changing its rows."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return write()
        except StoreError as error:
            if error.kind != "contended":
                raise
    return write()
