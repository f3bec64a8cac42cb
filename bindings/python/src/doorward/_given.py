"""What the library gives: C's texts and ids as Python's."""

import json
from functools import lru_cache
from typing import Any

from ._native import ffi


def text(given: Any) -> str:
    return str(data(given).decode())


def text_or_none(given: Any) -> str | None:
    return text(given) if given.ptr else None


def data(given: Any) -> bytes:
    """A ``dw_text`` of bytes."""
    return bytes(ffi.unpack(given.ptr, given.len)) if given.ptr else b""


def words(given: Any) -> tuple[str, ...]:
    """A ``dw_text`` of words with spaces between them."""
    return _split(data(given))


# There are few of them, and each call of `authenticate` and `verify` reads some.
@lru_cache(maxsize=256)
def _split(given: bytes) -> tuple[str, ...]:
    return tuple(given.decode().split())


@lru_cache(maxsize=256)
def strings(given: bytes) -> tuple[str, ...]:
    """A JSON array of strings."""
    return tuple(json.loads(given))


def leading_ids(given: Any, count: int) -> str:
    """The ids that a result begins with, 32 hexadecimal digits each: in one step, for they are read by the million."""
    return bytes(ffi.buffer(given, 16 * count)).hex()


def id_text(given: Any) -> str:
    """A ``dw_id`` as 32 hexadecimal digits."""
    return bytes(ffi.buffer(given.bytes)).hex()
