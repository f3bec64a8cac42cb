"""The engine's operations, as Python asks for them: what a call of each is given, checked and in C's form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeVar

from . import _operations as op
from ._lent import NULL, Lent, flag, identity, lifetime_ms, of_type, optional, raw, said, secret, shown, whole
from ._native import lib
from ._operations import Issued, Operation
from .errors import Misuse
from .results import AnySession, Login, Receipt, Rotated

T = TypeVar("T")
Audience = str | Sequence[str] | None
Lifetime = Literal["web", "remembered", "device"]
Rotation = Literal["soon", "at-once", "when-due"]

_LIFETIMES = MappingProxyType(
    {"web": lib.DW_LIFETIME_WEB, "remembered": lib.DW_LIFETIME_REMEMBERED, "device": lib.DW_LIFETIME_DEVICE}
)
_ROTATIONS = MappingProxyType({"soon": lib.DW_ROTATE, "at-once": lib.DW_ROTATE_AT_ONCE, "when-due": lib.DW_ROTATE_WHEN_DUE})


@dataclass(slots=True, repr=False)
class Call(Generic[T]):
    """An operation with its arguments, passwords and tokens among them: it has no ``repr``."""

    operation: Operation[T]
    arguments: tuple[Any, ...]
    lent: Lent | None = None
    """What the arguments point to."""


@dataclass(frozen=True, slots=True)
class Parties:
    """Who calls about tokens are for, where they do not say it."""

    audience: str | None
    client_id: str | None

    def client(self, client_id: str | None) -> tuple[bytes, int]:
        chosen = next((one for one in (client_id, self.client_id, self.audience) if one is not None), None)
        if chosen is None:
            raise Misuse("no client_id: give one here, or open the engine with client_id=, or with audience= for both")
        return _said(chosen, "client_id")

    def for_audience(self, audience: str | None) -> tuple[bytes, int]:
        chosen = self.audience if audience is None else audience
        if chosen is None:
            raise Misuse("no audience: give one here, or open the engine with audience=")
        return _audience(chosen) if type(chosen) is str else _said(chosen, "audience")


def register(name: str, password: str, source: str | None) -> Call[str]:
    return Call(op.REGISTER, (*_said(name, "name"), *_said(password, "password"), *optional(source, "source")))


def set_password(account: str, new: str) -> Call[None]:
    return Call(op.SET_PASSWORD, (identity(account, "account"), *_said(new, "the new password")))


def rename(account: str, name: str) -> Call[None]:
    return Call(op.RENAME, (identity(account, "account"), *_said(name, "name")))


def of_account(operation: Operation[T], account: str) -> Call[T]:
    """One that is asked for nothing else."""
    return Call(operation, (identity(account, "account"),))


def of_token(operation: Operation[T], token: str) -> Call[T]:
    """One that is asked for nothing else."""
    return Call(operation, _secret(token, "the session token"))


def login(
    name: str,
    password: str,
    source: str | None,
    label: str | None,
    lifetime: Lifetime,
    previous: str | None,
    device: str | None,
    scope: str | None,
    carry_data: bool,
    remember_device: bool,
) -> Call[Login]:
    lent = Lent()
    options = lent.struct(
        "dw_login_options",
        source=lent.text(source, "source"),
        label=lent.shown(label, "label"),
        scope=lent.text(scope, "scope"),
        lifetime=_word(lifetime, "lifetime", _LIFETIMES),
        carry_data=flag(carry_data, "carry_data"),
        previous=lent.secret(previous, "previous"),
        device=lent.secret(device, "device"),
        remember_device=flag(remember_device, "remember_device"),
    )
    return Call(op.LOGIN, (*_said(name, "name"), *_said(password, "password"), options), lent)


def logout_everywhere(account: str, keep: str | None) -> Call[str | None]:
    kept = (NULL, 0) if keep is None else _secret(keep, "keep")
    return Call(op.LOGOUT_EVERYWHERE, (identity(account, "account"), *kept))


def end_session(account: str, session_id: str) -> Call[Receipt]:
    return Call(op.END_SESSION, (identity(account, "account"), identity(session_id, "session_id")))


def reauthenticate(session_token: str, password: str, source: str | None) -> Call[str]:
    given = (*_said(password, "password"), *optional(source, "source"))
    return Call(op.REAUTHENTICATE, (*_secret(session_token, "the session token"), *given))


def change_password(session_token: str, current: str, new: str, source: str | None) -> Call[str]:
    passwords = (*_said(current, "the current password"), *_said(new, "the new password"))
    token = _secret(session_token, "the session token")
    return Call(op.CHANGE_PASSWORD, (*token, *passwords, *optional(source, "source")))


def open_session(data: bytes, lifetime: float | None, label: str | None) -> Call[str]:
    lent = Lent()
    given = (*lent.bytes(raw(data, "data")), lifetime_ms(lifetime), *shown(label, "label"))
    return Call(op.OPEN_SESSION, given, lent)


def update_session_data(session_token: str, data: bytes, lifetime: float | None) -> Call[AnySession]:
    lent = Lent()
    given = (*_secret(session_token, "the session token"), *lent.bytes(raw(data, "data")), lifetime_ms(lifetime))
    return Call(op.UPDATE_SESSION_DATA, given, lent)


def issue(
    parties: Parties,
    session_token: str,
    client_id: str | None,
    audience: Audience,
    scope: str | None,
    claims: dict[str, Any] | None,
    refresh: bool,
) -> Call[Issued]:
    first, *others = _audiences(audience) or [None]
    lent = Lent()
    audiences, count = lent.texts(others, "audience")
    options = lent.struct(
        "dw_issue_options",
        audiences=audiences,
        audience_count=count,
        scope=lent.text(scope, "scope"),
        claims=_claims(lent, claims),
        refresh=flag(refresh, "refresh"),
    )
    given = (*parties.client(client_id), *parties.for_audience(first), options)
    return Call(op.ISSUE, (*_secret(session_token, "the session token"), *given), lent)


def refresh(
    parties: Parties,
    refresh_token: str,
    scope: str | None,
    client_id: str | None,
    audience: Audience,
    claims: dict[str, Any] | None,
) -> Call[Issued]:
    lent = Lent()
    audiences, count = lent.texts(_audiences(audience), "audience")
    options = lent.struct(
        "dw_refresh_options",
        scope=lent.text(scope, "scope"),
        audiences=audiences,
        audience_count=count,
        claims=_claims(lent, claims),
    )
    return Call(op.REFRESH, (*_secret(refresh_token, "the refresh token"), *parties.client(client_id), options), lent)


def verify(parties: Parties, access_token: str, audience: str | None) -> Call[dict[str, Any]]:
    return Call(op.VERIFY, (*_secret(access_token, "the access token"), *parties.for_audience(audience)))


def introspect(token: str, audience: str | None) -> Call[dict[str, Any]]:
    return Call(op.INTROSPECT, (*_secret(token, "the token"), *optional(audience, "audience")))


def revoke_token(parties: Parties, token: str, client_id: str | None) -> Call[bool]:
    return Call(op.REVOKE_TOKEN, (*_secret(token, "the token"), *parties.client(client_id)))


def rotate_keys(when: Rotation) -> Call[Rotated]:
    return Call(op.ROTATE_KEYS, (_word(when, "when", _ROTATIONS),))


def revoke_all_tokens(and_sessions: bool) -> Call[None]:
    return Call(op.REVOKE_ALL_TOKENS, (flag(and_sessions, "and_sessions"),))


def purge(limit: int) -> Call[int]:
    return Call(op.PURGE, (whole(limit, "limit"),))


def _said(value: str, what: str) -> tuple[bytes, int]:
    encoded = said(value, what)
    return encoded, len(encoded)


# There are few of them, and each call of `verify` has one.
@lru_cache(maxsize=256)
def _audience(value: str) -> tuple[bytes, int]:
    return _said(value, "audience")


def _secret(value: str, what: str) -> tuple[bytes, int]:
    encoded = secret(value, what)
    return encoded, len(encoded)


def _audiences(audience: Audience) -> list[Any]:
    if audience is None:
        return []
    if isinstance(audience, str):
        return [audience]
    is_list = isinstance(audience, Sequence) and not isinstance(audience, (bytes, bytearray, memoryview))
    if not is_list or not audience or not all(isinstance(one, str) for one in audience):
        raise Misuse("audience must be str, or a list of str that is not empty")
    return list(audience)


def _claims(lent: Lent, claims: Any) -> tuple[Any, int]:
    if claims is None:
        return NULL, 0
    if not isinstance(claims, dict):
        raise of_type(claims, "claims", "dict")
    try:
        return lent.bytes(json.dumps(claims, allow_nan=False).encode())
    except (TypeError, ValueError, RecursionError) as problem:
        raise Misuse(f"claims are no JSON: {problem}") from None


def _word(word: Any, what: str, known: Any) -> int:
    number = known.get(word) if isinstance(word, str) else None
    if number is None:
        raise Misuse(f"{what} must be one of {', '.join(map(repr, known))}")
    return int(number)
