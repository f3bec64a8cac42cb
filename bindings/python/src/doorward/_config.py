"""An engine's settings, as C's configuration."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal, TypedDict

from . import errors
from ._lent import flag, milliseconds, of_type, optional, path, raw, said, whole
from ._native import ffi, lib

MasterKey = bytes | tuple[int, bytes] | Sequence[tuple[int, bytes]]
Revocation = Literal["bound", "watched", "until-expiry"] | Mapping[str, Any]
Clock = Literal["system", "manual"]


class Signing(TypedDict, total=False):
    """A signing key of the host's own: ``{"alg": "HS256", "secret": b"…"}``, ``{"alg": "ES256", "pem": "…"}`` or
    ``{"jwk": {…}}``. With ``alg`` alone the engine derives its own keys for that algorithm, and rotates them.

    Of several keys the first signs, and all verify. Each needs a ``kid`` of its own, which a PEM has by itself; of a secret it
    is ``"1"`` unless it is given. Secrets and public keys do not stand side by side. ``RS256`` needs a key of yours."""

    alg: Literal["EdDSA", "ES256", "HS256", "RS256"]
    secret: bytes
    kid: str
    pem: str
    jwk: Mapping[str, Any] | str


@dataclass(frozen=True)
class Hashing:
    """How many passwords are hashed at once (at least 1; ``None``: as many as cores), how many may wait, and into how many
    shares the waiting room is divided among sources. One hash takes some 20 MiB and some 20 ms."""

    at_once: int | None = None
    queue: int = 128
    shares: int = 4

    def cores(self) -> int:
        return (os.cpu_count() or 1) if self.at_once is None else self.at_once


@dataclass(frozen=True, repr=False)
class Settings:
    """What both engines are opened with, keys among it: it has no ``repr``."""

    store: str | None
    master_key: MasterKey | None = None
    key_file: str | PathLike[str] | None = None
    create_key_file: bool = False
    peppers: Sequence[tuple[int, bytes]] = ()
    old_peppers: Sequence[tuple[int, bytes]] = ()
    policy: Mapping[str, Any] | str | None = None
    signing: Signing | Sequence[Signing] | None = None
    issuer: str | None = None
    audience: str | None = None
    client_id: str | None = None
    revocation: Revocation | None = None
    clock: Clock = "system"
    now: int | None = None
    trust_clock: bool = False
    hashing: Hashing = Hashing()
    remember_tokens: int | None = None
    maintain_every: float | None = None
    events: int = 0

    @contextmanager
    def config(self) -> Iterator[Any]:
        """A ``dw_config`` with all of it."""
        out = ffi.new("dw_config*[1]")
        try:
            _done(lib.dw_config_new, out)
            try:
                self._fill(out[0])
            except errors.Refused as refused:  # here it is no client's
                raise errors.ConfigError(str(refused)) from None
            yield out[0]
        finally:
            lib.dw_config_free(out[0])

    def _fill(self, config: Any) -> None:
        if self.store is not None:
            _done(lib.dw_config_store, config, *_lent(_store_url(self.store)))
        self._fill_keys(config)
        for key in _signing_keys(self.signing):
            _add_signing(config, key)
        _done(lib.dw_config_policy, config, *_lent(_json(self._policy(), "the policy")))
        optional(self.audience, "audience")
        optional(self.client_id, "client_id")
        if self.clock == "manual":
            _done(lib.dw_config_manual_clock, config, whole(0 if self.now is None else self.now, "now", signed=True))
        elif self.clock != "system":
            raise errors.ConfigError('clock must be "system" or "manual"')
        elif self.now is not None:
            raise errors.ConfigError('now is for a clock that stands still: leave it out, or open with clock="manual"')
        if flag(self.trust_clock, "trust_clock"):
            _done(lib.dw_config_trust_clock, config)
        hashing = self.hashing
        if not isinstance(hashing, Hashing):
            raise of_type(hashing, "hashing", "a doorward.Hashing")
        numbers = whole(hashing.cores(), "at_once"), whole(hashing.queue, "queue"), whole(hashing.shares, "shares")
        _done(lib.dw_config_hashing, config, *numbers)
        if self.remember_tokens is not None:
            _done(lib.dw_config_remember_tokens, config, whole(self.remember_tokens, "remember_tokens"))
        if self.maintain_every is not None:
            _done(lib.dw_config_maintain_every, config, milliseconds(self.maintain_every, "maintain_every"))
        if (events := whole(self.events, "events")) > _MOST_EVENTS:
            raise errors.ConfigError(f"events must be at most {_MOST_EVENTS}: take them more often")
        if events:
            _done(lib.dw_config_events, config, events)

    def _fill_keys(self, config: Any) -> None:
        keys = _numbered(self.master_key, "master_key")
        if self.key_file is not None and keys:
            raise errors.ConfigError("both master_key and key_file are given: which of them is meant?")
        if not keys and self.key_file is None:
            if self.store != "memory:":
                raise errors.ConfigError(
                    "no master key: give master_key=32 random bytes that you keep apart from the database, or"
                    " key_file=path, with create_key_file=True for one that is made when it is not there"
                )
            keys = [(1, secrets.token_bytes(32))]  # it lives no longer than its store
        for number, key in keys:
            _done(lib.dw_config_master_key, config, number, *_lent(key))
        create = flag(self.create_key_file, "create_key_file")
        if create and self.key_file is None:
            raise errors.ConfigError("create_key_file is for a key file: give key_file=path too, or leave it out")
        if self.key_file is not None:
            _done(lib.dw_config_key_file, config, *_lent(path(self.key_file, "key_file")), create)
        peppers = _numbered(self.peppers, "peppers"), _numbered(self.old_peppers, "old_peppers")
        for accept_only, keys in enumerate(peppers):
            for number, key in keys:
                _done(lib.dw_config_pepper, config, number, *_lent(key), accept_only)

    def _policy(self) -> dict[str, Any]:
        policy = _parsed(self.policy)
        optional(self.issuer, "issuer")
        revocation = self.revocation
        if not isinstance(revocation, (str, Mapping, type(None))):
            raise of_type(revocation, "revocation", "str or a dict")
        if isinstance(revocation, str):
            if revocation not in _REVOCATIONS:
                raise errors.ConfigError(f"revocation must be one of {', '.join(map(repr, _REVOCATIONS))}, or a dict")
            revocation = _REVOCATIONS[revocation]
        derived = _derived_algorithm(self.signing)
        own = {"issuer": self.issuer, "revocation": revocation, "algorithm": derived}
        for member, value in own.items():
            if value is None:
                continue
            tokens = policy.setdefault("tokens", {})
            if not isinstance(tokens, dict):
                continue  # the library says what is wrong with it
            if tokens.get(member, value) != value:
                raise errors.ConfigError(f"tokens.{member} of the policy is another than the one given beside it: say one")
            tokens[member] = value
        return policy


def _store_url(store: object) -> bytes:
    if not isinstance(store, str):
        raise of_type(store, "store", 'a str like "sqlite:app.db"')
    return said(store, "store")


def _done(call: Any, *arguments: Any) -> None:
    error = ffi.new("dw_error **")
    status = call(*arguments, error)
    if status:
        raise errors.raised(status, error, 0)


def _lent(encoded: bytes) -> tuple[Any, int]:
    return ffi.from_buffer("char[]", encoded), len(encoded)


def _parsed(policy: Mapping[str, Any] | str | None) -> dict[str, Any]:
    if policy is None:
        return {}
    try:
        # A copy: it is added to.
        text = policy if isinstance(policy, str) else _json(policy, "the policy")
        parsed = json.loads(text, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as problem:
        raise errors.ConfigError(f"the policy is no JSON: {problem}") from None
    if not isinstance(parsed, dict):
        raise errors.ConfigError("the policy must be a dict, or a JSON object as text")
    return parsed


def _each_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    once = dict(members)
    if len(once) != len(members):
        raise ValueError("a key is there twice")
    return once


def _json(value: object, what: str) -> bytes:
    try:
        return json.dumps(value, default=_as_dict).encode()
    except (TypeError, ValueError, RecursionError) as problem:
        raise errors.ConfigError(f"{what} is no JSON: {problem}") from None


def _as_dict(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is none of its types")


def _numbered(keys: Any, what: str) -> list[tuple[int, bytes]]:
    """Keys with their numbers; one without has the number 1."""
    if keys is None:
        return []
    if isinstance(keys, (bytes, bytearray, memoryview)):
        return [(1, bytes(keys))]
    if isinstance(keys, tuple) and len(keys) == 2 and isinstance(keys[0], int):
        keys = [keys]
    if isinstance(keys, str) or not isinstance(keys, Sequence):
        raise of_type(keys, what, "bytes")
    pairs = []
    for pair in keys:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise errors.ConfigError(f"{what} must be 32 bytes, or a list of (number, 32 bytes)")
        number = whole(pair[0], f"the number of one of {what}")
        if number >= 2**32:
            raise errors.ConfigError(f"the number of one of {what} is out of range: give each key one below 2**32")
        pairs.append((number, raw(pair[1], what)))
    return pairs


def _signing_keys(signing: Signing | Sequence[Signing] | None) -> list[Signing]:
    if signing is None:
        return []
    if not isinstance(signing, (Mapping, Sequence)):
        raise of_type(signing, "signing", "a dict, or a list of them")
    keys = [signing] if isinstance(signing, Mapping) else list(signing)
    return [] if _derived_algorithm(signing) else keys


def _derived_algorithm(signing: Any) -> str | None:
    if isinstance(signing, Mapping) and set(signing) == {"alg"}:
        return str(signing["alg"])
    return None


def _add_signing(config: Any, key: Any) -> None:
    if not isinstance(key, Mapping):
        raise of_type(key, "signing", 'a dict like {"alg": "ES256", "pem": "..."}')
    members = set(key)
    if members == {"jwk"}:
        jwk = key["jwk"]
        encoded = said(jwk, "jwk") if isinstance(jwk, str) else _json(jwk, "jwk")
        _done(lib.dw_config_signing_jwk, config, *_lent(encoded))
    elif members == {"alg", "pem"} and str(key["alg"]) in _ALGORITHMS:
        _done(lib.dw_config_signing_pem, config, _ALGORITHMS[key["alg"]], *_lent(said(key["pem"], "pem")))
    elif {"alg", "secret"} <= members <= {"alg", "secret", "kid"} and key["alg"] == "HS256":
        kid = said(key.get("kid", "1"), "kid")
        _done(lib.dw_config_signing_secret, config, *_lent(kid), *_lent(raw(key["secret"], "secret")))
    else:
        raise errors.ConfigError(
            'signing must be {"alg": "HS256", "secret": bytes, "kid": str}, {"alg": "ES256" | "EdDSA" | "RS256", "pem": str},'
            ' {"jwk": dict}, a list of those, or {"alg": ...} alone for keys of the engine\'s own; not one with the members '
            + (", ".join(sorted(map(str, members))) or "of an empty dict")
        )


_MOST_EVENTS = 2**20
_REVOCATIONS: dict[str, Mapping[str, Any]] = {
    "bound": {"mode": "bound"},
    "watched": {"mode": "watched"},
    "until-expiry": {"mode": "until_expiry", "max_key_age_ms": 60_000},
}
"""As the policy has them."""
_ALGORITHMS = {"EdDSA": lib.DW_EDDSA, "ES256": lib.DW_ES256, "RS256": lib.DW_RS256}
