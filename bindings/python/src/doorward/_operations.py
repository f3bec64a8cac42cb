"""The engine's operations, as C has them: each is a call, and a beginning and a taking for those who run it step by step."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final, Generic, TypeVar

from ._given import data, id_text, leading_ids, split, strings, text, text_or_none, words
from ._native import ffi, lib
from .results import AnySession, Jwks, Login, Maintained, Receipt, Rotated, Session, SessionData, Tokens

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """What an operation puts out: how it is read, taken and freed."""

    read: Callable[..., T]
    take: Any
    out: Any = None
    """The type of the output, an array of one."""
    free: Any = None

    def slots(self) -> tuple[Any, ...]:
        """Where it is put, and read from."""
        return () if self.out is None else (ffi.new(self.out),)

    def drop(self, slots: tuple[Any, ...]) -> None:
        """Frees what was put there, if anything was."""
        if self.free is not None:
            self.free(slots[0][0])


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    name: str
    result: Result[T]
    call: Any
    begin: Any


def _result(name: str, read: Callable[[Any], T], *, take: str | None = None) -> Result[T]:
    """A result that the library owns."""
    out = ffi.typeof(f"dw_{name}*[1]")
    taking = getattr(lib, f"dw_op_take_{take or name}")
    return Result(lambda slot: read(slot[0]), taking, out, getattr(lib, f"dw_{name}_free"))


def _value(kind: str, take: str, read: Callable[[Any], T]) -> Result[T]:
    """A result that is a number or an id."""
    return Result(lambda slot: read(slot[0]), getattr(lib, f"dw_op_take_{take}"), ffi.typeof(f"{kind}[1]"))


def _operation(name: str, result: Result[T]) -> Operation[T]:
    return Operation(name, result, getattr(lib, f"dw_{name}"), getattr(lib, f"dw_op_{name}"))


def _session(given: Any) -> Session:
    ids = leading_ids(given, 2)
    return Session(
        ids[:32],
        ids[32:],
        given.created,
        given.auth_time,
        words(given.amr),
        given.idle_ends,
        given.absolute_ends,
        text_or_none(given.label),
        given.seen_at,
    )


def _any_session(given: Any) -> AnySession:
    session = _session(given)
    return AnySession(*session)._replace(account=None, auth_time=None) if given.is_anonymous else session


def _sessions(given: Any) -> list[Session]:
    return [_session(given.items[i]) for i in range(given.count)]


def _login(given: Any) -> Login:
    return Login(text(given.token), text_or_none(given.device_token), _session(given.session))


def _renewed(given: Any) -> str:
    return text(given.token)


def _ended_everywhere(given: Any) -> str | None:
    return text(given.kept.token) if given.kept else None


def _receipt(given: Any) -> Receipt:
    return Receipt(
        session=id_text(given.session),
        ended=not given.was_over,
        access_dies_at=given.access_dies_at or None,
        max_staleness=given.others_lag_ms,
    )


def _data(given: Any) -> SessionData:
    return SessionData(data(given.data), _any_session(given.session))


@dataclass(frozen=True, slots=True)
class Issued:
    """Tokens, before it is known how long they live from now on."""

    access: str
    refresh: str | None
    expires: int
    token_id: str
    scope: tuple[str, ...]
    account: str
    session: str

    def at(self, now: int) -> Tokens:
        return Tokens(
            access=self.access,
            refresh=self.refresh,
            expires_in=max(0, (self.expires - now) // 1000),
            expires=self.expires,
            token_id=self.token_id,
            scope=self.scope,
            account=self.account,
            session=self.session,
        )


def _tokens(given: Any) -> Issued:
    return Issued(
        access=text(given.access),
        refresh=text_or_none(given.refresh),
        expires=given.expires,
        token_id=id_text(given.token),
        scope=words(given.scope),
        account=id_text(given.account),
        session=id_text(given.session),
    )


_IDS, _TIMES = 3 * 16, ffi.offsetof("dw_access", "issued_at")
# Read in one step: access tokens are verified by the million.
_IDS_AND_TIMES: Final = Struct(f"{_IDS}s {_TIMES - _IDS}x 3q")


def _claims(given: Any) -> dict[str, Any]:
    """The claims by their names in the token (RFC 9068, section 2.2); times in seconds, as JWTs have them."""
    packed, issued_at, expires, auth_time = _IDS_AND_TIMES.unpack_from(ffi.buffer(given))
    ids, string = packed.hex(), ffi.string  # no text here has a zero in it, and each ends with one
    claims: dict[str, Any] = {
        "sub": ids[:32],
        "aud": list(strings(string(given.audience.ptr))),
        "client_id": string(given.client.ptr).decode(),
        "scope": string(given.scope.ptr).decode(),
        "iat": issued_at // 1000,
        "exp": expires // 1000,
        "auth_time": auth_time // 1000,
        "amr": list(split(string(given.amr.ptr))),
        "jti": ids[64:],
        "sid": ids[32:64],
    }
    if given.claims.len > 2:
        claims.update(json.loads(data(given.claims)))
    return claims


def _string(given: Any) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(data(given.text))
    return members


def _jwks(given: Any) -> Jwks:
    return Jwks(json.loads(data(given.json)), given.max_age_ms // 1000)


def _rotated(given: Any) -> Rotated:
    return Rotated(given.is_new, given.active_from)


def _maintained(given: Any) -> Maintained:
    return Maintained(given.purged, given.deletions, given.rotated, given.more)


_NOTHING: Final = Result(lambda: None, lib.dw_op_take)
_ACCOUNT: Final = _value("dw_id", "account", id_text)
_RECEIPT: Final = _result("receipt", _receipt)
_RENEWED: Final = _result("renewed", _renewed)
_TOKENS: Final = _result("tokens", _tokens)

REGISTER: Final = _operation("register", _ACCOUNT)
SET_PASSWORD: Final = _operation("set_password", _NOTHING)
RENAME: Final = _operation("rename", _NOTHING)
UNLOCK: Final = _operation("unlock", _NOTHING)
DISABLE: Final = _operation("disable", _NOTHING)
ENABLE: Final = _operation("enable", _NOTHING)
MARK_COMPROMISED: Final = _operation("mark_compromised", _NOTHING)
DELETE_ACCOUNT: Final = _operation("delete_account", _NOTHING)
LOGIN: Final = _operation("login", _result("login_result", _login, take="login"))
REAUTHENTICATE: Final = _operation("reauthenticate", _RENEWED)
CHANGE_PASSWORD: Final = _operation("change_password", _RENEWED)
AUTHENTICATE: Final = _operation("authenticate", _result("session", _session))
LOGOUT: Final = _operation("logout", _RECEIPT)
LOGOUT_EVERYWHERE: Final = _operation("logout_everywhere", _result("ended_everywhere", _ended_everywhere))
SESSIONS: Final = _operation("sessions", _result("session_list", _sessions))
END_SESSION: Final = _operation("end_session", _RECEIPT)
ROTATE_SESSION: Final = _operation("rotate_session", _RENEWED)
OPEN_SESSION: Final = _operation("open_session", _RENEWED)
SESSION_DATA: Final = _operation("session_data", _result("data", _data))
UPDATE_SESSION_DATA: Final = _operation("update_session_data", _result("session", _any_session))
ISSUE: Final = _operation("issue", _TOKENS)
REFRESH: Final = _operation("refresh", _TOKENS)
VERIFY: Final = _operation("verify", _result("access", _claims))
INTROSPECT: Final = _operation("introspect", _result("string", _string))
REVOKE_TOKEN: Final = _operation("revoke_token", _value("bool", "revoked", bool))
JWKS: Final = _operation("jwks", _result("jwks_result", _jwks, take="jwks"))
ROTATE_KEYS: Final = _operation("rotate_keys", _result("rotated", _rotated))
REVOKE_ALL_TOKENS: Final = _operation("revoke_all_tokens", _NOTHING)
MAINTAIN: Final = _operation("maintain", _result("maintained", _maintained))
PURGE: Final = _operation("purge", _value("size_t", "purged", int))
AFTER_RESTORE: Final = _operation("after_restore", _NOTHING)
