"""What the library gives: C's texts and ids as Python's."""

import json
from functools import lru_cache
from typing import Any

from ._native import ffi


def text(given: Any) -> str:
    return data(given).decode()


def text_or_none(given: Any) -> str | None:
    return text(given) if given.ptr else None


def data(given: Any) -> bytes:
    """A ``dw_text`` of bytes."""
    start = given.ptr
    read: bytes = ffi.unpack(start, given.len) if start else b""
    return read


def words(given: Any) -> tuple[str, ...]:
    """A ``dw_text`` of words with spaces between them."""
    return split(data(given))


# There are few of them, and each call of `authenticate` and `verify` reads some.
@lru_cache(maxsize=256)
def split(given: bytes) -> tuple[str, ...]:
    """The words of a text."""
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
