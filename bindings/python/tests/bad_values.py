"""Values that no parameter, or not this one, should be given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

SECRET = "canary-5b1e-nobody-may-see-me"
"""In every text that is given: no exception may show it."""

_VALUES: dict[str, list[Any]] = {
    "None": [None],
    "bool": [True],
    "int": [5, -1],
    "float": [1.5],
    "str": [SECRET],
    "bytes": [SECRET.encode()],
    "bytearray": [bytearray(SECRET.encode())],
    "list": [[], [5], [SECRET.encode()], [None]],
    "texts": [[SECRET]],
    "dict": [{}, {"key": SECRET}],
    "set": [{SECRET}],
    "object": [object(), object, len],
}

# What a parameter takes, by its annotation. One that is new is added here.
_TAKES: dict[str, set[str]] = {
    "str": {"str"},
    "str | None": {"str", "None"},
    "str | Sequence[str] | None": {"str", "texts", "None"},
    "Lifetime": {"str"},
    "Rotation": {"str"},
    "bytes": {"bytes", "bytearray"},
    "dict[str, Any] | None": {"dict", "None"},
    "int": {"int"},
    "float | None": {"int", "float", "None"},
    "bool": {"bool"},
    "str | PathLike[str]": {"str", "bytes"},
    "Progress | None": {"None"},
}


def of_wrong_type(annotation: str) -> Iterator[Any]:
    takes = _TAKES[annotation]
    for kind, values in _VALUES.items():
        # Functions are callable.
        if kind not in takes and not (annotation.startswith("Progress") and kind == "object"):
            yield from values
    if annotation.startswith("Progress"):
        yield object()


def _nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {}
    for _ in range(depth):
        inner = {"key": inner}
    return inner


def _cycle() -> dict[str, Any]:
    around: dict[str, Any] = {"key": SECRET}
    around["around"] = around
    return around


_TEXTS = {
    "surrogate": SECRET + "\ud800",
    "zero": SECRET + "\0" + SECRET,
    "empty": "",
    "mebibyte": SECRET + "x" * 2**20,
    "20 mebibytes": SECRET + "x" * (20 * 2**20),
}
_INTEGERS = {"below": -1, "far below": -(2**63) - 1, "above": 2**63, "far above": 10**5000}
_FLOATS = {"nan": float("nan"), "infinite": float("inf"), "below all": float("-inf"), "1e300": 1e300, "-0.5": -0.5}
_ODD: dict[str, dict[str, Any]] = {
    "str": _TEXTS,
    "bytes": {"20 mebibytes": SECRET.encode() + bytes(20 * 2**20)},
    "dict": {
        "nan": {"key": float("nan")},
        "bytes": {"key": SECRET.encode()},
        "an object": {"key": object()},
        "key of bytes": {SECRET.encode(): 1},
        "surrogate": {"key": SECRET + "\ud800"},
        "surrogate as key": {SECRET + "\ud800": 1},
        "far above": {"key": 10**5000},
        "deep": _nested(200),
        "too deep": _nested(100_000),
        "cycle": _cycle(),
        "20 mebibytes": {"key": _TEXTS["20 mebibytes"]},
        "a claim of the token's": {"sub": SECRET},
    },
    "int": _INTEGERS,
    "float": {**_INTEGERS, **_FLOATS},
    "texts": {
        "surrogate": [SECRET, SECRET + "\ud800"],
        "empty": [SECRET, ""],
        "many": [f"{SECRET}{i}" for i in range(2000)],
        "twice": [SECRET, SECRET],
    },
}


def odd(annotation: str) -> Iterator[tuple[str, Any]]:
    """Of the right type, and unusual."""
    for kind in sorted(_TAKES[annotation]):
        yield from _ODD.get(kind, {}).items()
