"""What the library is lent during a call: Python's texts and ids as C's, and the right exception for what cannot be one."""

import os
from collections.abc import Iterable
from os import PathLike
from typing import Any

from ._native import ffi
from .errors import Misuse, NotFound, Refused

NULL = ffi.NULL
_MOST = 2**24
"""How many bytes the library takes."""


def secret(token: object, what: str = "the token") -> bytes:
    """A token's bytes. Whatever text a client sends is fine: one that is no token is found to be none."""
    if not isinstance(token, str):
        raise of_type(token, what, "str")
    # The beginning of one that is far too long is none either.
    return str.encode(token[: _MOST // 4], "utf-8", "replace")


def said(value: object, what: str) -> bytes:
    """A text's bytes."""
    if not isinstance(value, str):
        raise of_type(value, what, "str")
    try:
        encoded = str.encode(value)
    except UnicodeEncodeError:
        encoded = None
    # Not in the handler: that error has the text in it.
    if encoded is None:
        raise _refused("DW_NOT_UTF8", f"{what} has a lone surrogate in it, which is no character")
    return _short(encoded, what)


def shown(value: object, what: str) -> tuple[Any, int]:
    """A text that is only ever shown, or none. Whatever a client sends is fine: the library makes it safe to show."""
    if value is None:
        return NULL, 0
    if not isinstance(value, str):
        raise of_type(value, what, "str")
    encoded = str.encode(value[: _MOST // 4], "utf-8", "replace")
    return encoded, len(encoded)


def optional(value: object, what: str) -> tuple[Any, int]:
    """A text, or none, as a pointer and a length."""
    if value is None:
        return NULL, 0
    encoded = said(value, what)
    return encoded, len(encoded)


def raw(value: object, what: str) -> bytes:
    """Bytes."""
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise of_type(value, what, "bytes")
    try:
        copied = bytes(value)
    except ValueError:
        raise Misuse(f"{what} must be bytes, not a memoryview that was released") from None
    return _short(copied, what)


def path(value: object, what: str) -> bytes:
    """A path's bytes."""
    if isinstance(value, (str, bytes, PathLike)):
        try:
            return _short(os.fsencode(value).decode().encode(), what)
        except (TypeError, ValueError):
            pass
    raise of_type(value, what, "a path in UTF-8")


def _short(encoded: bytes, what: str) -> bytes:
    if len(encoded) > _MOST:
        raise _refused("DW_TOO_LARGE", f"{what} has more than 16 MiB")
    return encoded


def _refused(status: str, sentence: str) -> Refused:
    refused = Refused(f"{sentence}: refuse it where it came from")
    refused.status = status
    return refused


def milliseconds(seconds: object, what: str) -> int:
    """A length of time in seconds, in whole milliseconds."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise of_type(seconds, what, "a number of seconds")
    if not 0 <= seconds < 2**40:
        raise Misuse(f"{what} must be a number of seconds from 0 on, and below 2**40")
    return round(seconds * 1000)  # 1.001 * 1000 is less than 1001


def lifetime_ms(seconds: object) -> int:
    """A session's lifetime in seconds; none is the policy's. The library refuses one that is out of bounds."""
    if seconds is None:
        return 0
    # 0 would be the policy's.
    return max(1, milliseconds(seconds, "lifetime"))


def whole(value: object, what: str, *, signed: bool = False, bits: int = 63) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise of_type(value, what, "int")
    if not (-(2**bits) if signed else 0) <= value < 2**bits:
        raise Misuse(f"{what} is out of range: it is from {f'-2**{bits}' if signed else '0'} on, and below 2**{bits}")
    return value


def flag(value: object, what: str) -> int:
    if type(value) is not bool:
        raise of_type(value, what, "bool")
    return int(value)


def identity(digits: object, what: str) -> Any:
    """An id. A text that cannot be one is nobody's."""
    if not isinstance(digits, str):
        raise of_type(digits, what, "str")
    try:
        value = bytes.fromhex(digits)
    except ValueError:
        value = b""
    if len(value) != 16 or len(digits) != 32:
        nobody = NotFound(f"{what} is no id: ids have 32 hexadecimal digits")
        nobody.status = "DW_NOT_FOUND"
        raise nobody
    given = ffi.new("dw_id *")
    ffi.buffer(given.bytes)[:] = value
    return given[0]


def of_type(value: object, what: str, wanted: str) -> Misuse:
    hint = ""
    if wanted == "str" and isinstance(value, bytes):
        hint = ": decode it first"
    elif wanted == "bytes" and isinstance(value, str):
        hint = ": encode it first"
    return Misuse(f"{what} must be {wanted}, not {type(value).__name__}{hint}")


class Lent:
    """Keeps what a struct of options points to."""

    def __init__(self) -> None:
        self._kept: list[Any] = []

    def keep(self, thing: Any) -> Any:
        self._kept.append(thing)
        return thing

    def text(self, value: object, what: str) -> tuple[Any, int]:
        return (NULL, 0) if value is None else self.bytes(said(value, what))

    def shown(self, value: object, what: str) -> tuple[Any, int]:
        return (NULL, 0) if value is None else self.bytes(shown(value, what)[0])

    def secret(self, value: object, what: str) -> tuple[Any, int]:
        return (NULL, 0) if value is None else self.bytes(secret(value, what))

    def bytes(self, value: bytes) -> tuple[Any, int]:
        # Not NULL when empty: that would leave it out.
        return self.keep(ffi.new("char[]", value)), len(value)

    def struct(self, name: str, **fields: Any) -> Any:
        """A struct of options, whose other fields are zero."""
        return self.keep(ffi.new(f"{name} *", {"size": ffi.sizeof(name), **fields}))

    def texts(self, values: Iterable[str], what: str) -> tuple[Any, int]:
        """An array of ``dw_text``."""
        items = [self.text(value, what) for value in values]
        return self.keep(ffi.new("dw_text[]", items)), len(items)
