"""Doorward: an embedded authentication engine.

It signs people up, logs them in, keeps their sessions, issues and refreshes tokens, and ends all of it for good when they log
out. :class:`Engine` is it; :class:`AsyncEngine` is the same as coroutines, on a store of your own.

>>> import doorward
>>> with doorward.Engine.open("memory:") as engine:
...     ada = engine.register("ada", "plum kettle orbit")
...     token = engine.login("ada", "plum kettle orbit").session_token
...     assert engine.authenticate(token).account == ada
...     engine.logout(token).ended
True
"""

from ._config import Hashing, Signing
from ._native import ffi as _ffi
from ._native import lib as _lib
from .aio import AsyncEngine
from .engine import Engine
from .errors import (
    Anonymous,
    Busy,
    ConfigError,
    Conflict,
    Denied,
    Error,
    InternalError,
    Misuse,
    MustChange,
    NotFound,
    Refused,
    SessionGone,
    StoreError,
    Taken,
    Throttled,
    TokenInvalid,
    TokenReused,
    WeakPassword,
)
from .results import (
    AnySession,
    Event,
    Jwks,
    Login,
    Maintained,
    Receipt,
    Remembered,
    Rotated,
    Session,
    SessionData,
    Tokens,
)

__version__: str = _ffi.string(_lib.dw_version()).decode()

__all__ = [
    "Anonymous",
    "AnySession",
    "AsyncEngine",
    "Busy",
    "ConfigError",
    "Conflict",
    "Denied",
    "Engine",
    "Error",
    "Event",
    "Hashing",
    "InternalError",
    "Jwks",
    "Login",
    "Maintained",
    "Misuse",
    "MustChange",
    "NotFound",
    "Receipt",
    "Refused",
    "Remembered",
    "Rotated",
    "Session",
    "SessionData",
    "SessionGone",
    "Signing",
    "StoreError",
    "Taken",
    "Throttled",
    "TokenInvalid",
    "TokenReused",
    "Tokens",
    "WeakPassword",
]
