"""Why a call was not done as asked.

Every exception of this package is an :class:`Error`. Its text is a sentence for developers and logs: it holds no secret and no
name. Its :attr:`~Error.status` is the C ABI's, and its :attr:`~Error.reason` is a fixed word where a status has several causes.

==================== ==================================================================== ====
class                what to do                                                           HTTP
==================== ==================================================================== ====
``Denied``           tell the person that name or password is wrong                       401
``Throttled``        tell them when to come again                                         429
``Taken``            ask for another name                                                 409
``WeakPassword``     say why, and ask for another password                                422
``Refused``          what was asked cannot be done: see its kinds below                   4xx
``SessionGone``      show the login; the cookie may be the next one's: leave it           401
``TokenInvalid``     answer ``invalid_token``                                             401
``TokenReused``      a refresh token came back: tell somebody, its session has ended      401
``Busy``             no room to hash a password now: answer, and let them try again       503
``StoreError``       it could not be decided, or done: ``kind`` says whether to repeat it 503
``ConfigError``      the operator's affair, at opening                                    500
``Misuse``           a bug of the program that calls                                      500
``InternalError``    a bug of this library: report it                                     500
==================== ==================================================================== ====
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from ._given import id_text, text, text_or_none
from ._native import ffi, lib
from .results import utc

__all__ = [
    "Anonymous",
    "Busy",
    "ConfigError",
    "Conflict",
    "Denied",
    "Error",
    "InternalError",
    "Misuse",
    "MustChange",
    "NotFound",
    "Refused",
    "SessionGone",
    "StoreError",
    "Taken",
    "Throttled",
    "TokenInvalid",
    "TokenReused",
    "WeakPassword",
]

StoreErrorKind = Literal["retryable", "unresolved", "contended", "fatal"]


class Error(Exception):
    """Any refusal or failure of this package."""

    status: str = ""
    """The name of the C ABI's status: ``"DW_DENIED"``. Empty when the call did not get as far as the library."""
    reason: str | None = None
    """A fixed word, where the status has several causes: ``"too short"``, ``"idle"``, ``"signature"``."""
    is_transient: bool = False
    """Whether the same call may simply be made again, a little later."""
    http_status: int = 500
    """The status code that a web application answers with (RFC 9110, section 15)."""


class Denied(Error):
    """Name or password is wrong, or the account may not log in. Which of them is not told, and costs the same time."""

    http_status = 401


class Throttled(Error):
    """Too many attempts."""

    http_status = 429
    until: int = 0
    """When to come again, in UTC milliseconds."""
    retry_after: int = 0
    """How many seconds to wait, rounded up: the ``Retry-After`` header."""

    @property
    def until_utc(self) -> datetime:
        return utc(self.until)


class Taken(Error):
    """The login name is another account's."""

    http_status = 409


class WeakPassword(Error):
    """The password cannot be one; :attr:`~Error.reason` says why: ``too short``, ``too long``, ``common``, ``pattern``,
    ``listed``, ``login name``, ``service``, ``compromised``."""

    http_status = 422


class Refused(Error):
    """What was asked cannot be done: a name, a lifetime, a scope or claims that cannot be, or too much of something."""

    http_status = 400


class MustChange(Refused):
    """The password is right, and known to others: let the person set another (``set_password``)."""

    http_status = 403


class NotFound(Refused):
    """No such account, or no such session of it."""

    http_status = 404


class Conflict(Refused):
    """The refresh token was used a moment ago, by another instance. Use the token that came of it: this one, tried again, would
    soon count as stolen, and end the session."""

    http_status = 409


class SessionGone(Error):
    """No live session is behind this token; :attr:`~Error.reason` says why: ``token`` (it never was one), ``ended``, ``idle``,
    ``expired``, ``revoked``, ``replaced``, ``anonymous``."""

    http_status = 401


class Anonymous(SessionGone):
    """The session lives, but is a guest's: nobody has logged in to it."""

    session: str = ""
    """The guest's session."""


class TokenInvalid(Error):
    """The access or refresh token is not accepted; :attr:`~Error.reason` names the rule that it breaks: ``form``, ``too_long``,
    ``encoding``, ``json``, ``duplicate_member``, ``type``, ``algorithm``, ``critical_header``, ``key_id``, ``unknown_key``,
    ``signature``, ``missing_claim``, ``malformed_claim``, ``issuer``, ``audience``, ``expired``, ``not_yet_valid``; why its
    session is gone, as for :class:`SessionGone`; or ``token``: it is no refresh token."""

    http_status = 401


class TokenReused(Error):
    """A refresh token came back after it was used: somebody else has it, or had it. Its session has ended."""

    http_status = 401
    account: str = ""
    """Whose it was: tell them."""
    session: str = ""
    """The session that has ended."""


class Busy(Error):
    """No room to hash a password now. Nothing was changed: try again."""

    http_status = 503
    is_transient = True


class StoreError(Error):
    """The store, the clock or the keys: it could not be decided; or there is no key to sign with, or no room for another one or
    for another revocation."""

    http_status = 503
    kind: StoreErrorKind = "fatal"
    """``retryable``: nothing was done, and the same call may succeed later. ``contended``: the rows kept changing, nothing was
    done, try again. ``unresolved``: it may be done or not, and no token was given out. ``fatal``: nothing was done, and
    somebody must look at it."""


class ConfigError(Error):
    """The engine cannot be opened with these settings."""


class Misuse(Error):
    """A bug of the program that calls: a wrong type, a closed engine, a fork."""


class InternalError(Error):
    """A bug of this library, contained: the call may be done or not. Please report it."""


_CLASSES: Final[dict[str, type[Error]]] = {
    "DW_NOT_UTF8": Refused,  # a client's
    "DW_TAKEN": Taken,
    "DW_PASSWORD": WeakPassword,
    "DW_DENIED": Denied,
    "DW_THROTTLED": Throttled,
    "DW_MUST_CHANGE": MustChange,
    "DW_NOT_FOUND": NotFound,
    "DW_TOKEN": SessionGone,
    "DW_GONE": SessionGone,
    "DW_ANONYMOUS": Anonymous,
    "DW_UNKNOWN_KEY": StoreError,
    "DW_TOKEN_INVALID": TokenInvalid,
    "DW_REUSED": TokenReused,
    "DW_CONFLICT": Conflict,
    "DW_STALE": StoreError,
    "DW_NO_KEY": StoreError,
    "DW_FULL": StoreError,
    "DW_BUSY": Busy,
    "DW_PANIC": InternalError,
}
# The other statuses, by their tens.
_TENS: Final[dict[int, type[Error]]] = {1: Misuse, 2: ConfigError, 7: StoreError}
_KINDS: Final[dict[str, StoreErrorKind]] = {
    "DW_STORE_RETRYABLE": "retryable",
    "DW_STALE": "retryable",
    "DW_CONTENDED": "contended",
    "DW_UNRESOLVED": "unresolved",
}
_REASONS: Final[dict[str, str]] = {"DW_TOKEN": "token", "DW_ANONYMOUS": "anonymous"}


def error_class(status: int) -> type[Error]:
    """The exception of a status; one that a later library adds is a refusal."""
    name = status_name(status)
    return _CLASSES.get(name) or _TENS.get(status // 10, Refused)


def status_name(status: int) -> str:
    name = lib.dw_status_name(status)
    return str(ffi.string(name).decode()) if name else f"status {status}"


def raised(status: int, error: Any, now: int) -> Error:
    """The exception of what a call has answered, and frees ``error``, a ``dw_error **``. ``now`` is in UTC milliseconds, or 0:
    it is not known, because the engine was closed during the call."""
    said = error[0]
    try:
        return _read(status, said, now)
    finally:
        lib.dw_error_free(said)


def _read(status: int, said: Any, now: int) -> Error:
    name = status_name(status)
    raised = error_class(status)(text(said.message) if said else name)
    raised.status = name
    raised.reason = (text_or_none(said.reason) if said else None) or _REASONS.get(name)
    raised.http_status = lib.dw_status_http(status) or raised.http_status
    if isinstance(raised, StoreError):
        raised.kind = _KINDS.get(name, "fatal")
    if not said:
        return raised
    raised.is_transient = bool(said.is_transient)
    if isinstance(raised, Throttled):
        raised.until = said.until
        raised.retry_after = max(1, -((now - said.until) // 1000)) if now else 1
    if isinstance(raised, TokenReused) and said.has_account:
        raised.account = id_text(said.account)
    if isinstance(raised, (TokenReused, Anonymous)) and said.has_session:
        raised.session = id_text(said.session)
    return raised
