"""What the engine answers with. Times are integers, in UTC milliseconds; ``…_utc`` is the same as an aware datetime."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, NamedTuple

__all__ = [
    "AnySession",
    "Event",
    "Jwks",
    "Login",
    "Maintained",
    "Receipt",
    "Remembered",
    "Rotated",
    "Session",
    "SessionData",
    "Tokens",
]


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def utc(milliseconds: int) -> datetime:
    """The same time as an aware datetime, to the millisecond."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


class AnySession(NamedTuple):
    """A live session, perhaps a guest's, as it was at :attr:`seen_at`."""

    session_id: str
    """Its id, which is no secret: what a list of sessions shows, and ``end_session`` takes."""
    account: str | None
    """Whose it is; ``None`` for a guest's."""
    created: int
    """When it began."""
    auth_time: int | None
    """When the password was proven last; ``None`` for a guest's."""
    amr: tuple[str, ...]
    """How, in the registered words (RFC 8176): ``("pwd",)``."""
    idle_ends: int
    """When it ends, unless it is used before."""
    absolute_ends: int
    """When it ends in any case."""
    label: str | None
    """What the client calls itself, made safe to show."""
    seen_at: int
    """When this was so, by the engine's clock."""

    def fresh(self, seconds: float) -> bool:
        """Whether the password was proven at most so many seconds before :attr:`seen_at`: what to ask before what is
        sensitive (ASVS 5.0, 7.5). Never for a guest's."""
        return self.auth_time is not None and max(0, self.seen_at - self.auth_time) / 1000 <= seconds

    @property
    def created_utc(self) -> datetime:
        return utc(self.created)

    @property
    def auth_time_utc(self) -> datetime | None:
        return None if self.auth_time is None else utc(self.auth_time)

    @property
    def idle_ends_utc(self) -> datetime:
        return utc(self.idle_ends)

    @property
    def absolute_ends_utc(self) -> datetime:
        return utc(self.absolute_ends)

    @property
    def seen_at_utc(self) -> datetime:
        return utc(self.seen_at)


class Session(AnySession):
    """A live session that somebody has logged in to."""

    __slots__ = ()

    account: str
    """Whose it is."""
    auth_time: int
    """When the password was proven last."""

    @property
    def auth_time_utc(self) -> datetime:
        return utc(self.auth_time)


@dataclass(frozen=True, slots=True)
class Login:
    """A login. Its tokens are shown here and nowhere else, and not by ``repr``."""

    session_token: str = field(repr=False)
    """For the client's cookie: who has it is in the session."""
    device_token: str | None = field(repr=False)
    """For a cookie of its own, when ``remember_device`` asked for it."""
    details: Session
    """The session."""

    @property
    def session(self) -> str:
        """The session's id."""
        return self.details.session_id

    @property
    def account(self) -> str:
        """Whose it is."""
        return self.details.account


@dataclass(frozen=True, slots=True)
class SessionData:
    """What the host keeps with a session."""

    data: bytes = field(repr=False)
    """The bytes as they were given. They rest in the store in clear: no place for secrets."""
    session: AnySession
    """The session."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a logout has come to."""

    session: str
    """The session's id."""
    ended: bool
    """Whether this call has ended it; ``False`` when it was over before, which is no error."""
    access_dies_at: int | None
    """When the last access token dies that could still be accepted somewhere; ``None`` when there is none."""
    max_staleness: int
    """How many milliseconds other instances may still accept it."""

    @property
    def access_dies_at_utc(self) -> datetime | None:
        return None if self.access_dies_at is None else utc(self.access_dies_at)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens for an API. They are not shown by ``repr``."""

    access: str = field(repr=False)
    """The access token (RFC 9068): a bearer token."""
    refresh: str | None = field(repr=False)
    """The refresh token, when it was asked for."""
    expires_in: int
    """How many whole seconds the access token lives from now on (RFC 6749, section 5.1)."""
    expires: int
    """When it ends."""
    token_id: str
    """The access token's ``jti``."""
    scope: tuple[str, ...]
    """What was granted."""
    account: str
    """Whose it is."""
    session: str
    """The id of its session."""

    @property
    def expires_utc(self) -> datetime:
        return utc(self.expires)


@dataclass(frozen=True, slots=True)
class Jwks:
    """The public keys."""

    keys: dict[str, Any]
    """The JWKS (RFC 7517, section 5)."""
    max_age: int
    """How many seconds it may be kept: ``Cache-Control: max-age``."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """The next signing key."""

    is_new: bool
    """Whether it was made now."""
    active_from: int
    """From when on it signs."""

    @property
    def active_from_utc(self) -> datetime:
        return utc(self.active_from)


@dataclass(frozen=True, slots=True)
class Maintained:
    """What maintenance has done."""

    purged: int
    """Expired rows and journal entries removed."""
    deletions: int
    """Deletions of accounts that are finished now."""
    rotated: bool
    """Whether the next signing key was made."""
    more: bool
    """Whether there is more to do than one call does."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is remembered of verified access tokens."""

    hits: int
    """Verifications that found their token."""
    misses: int
    """Those that did not; 0 where none is to be remembered."""
    tokens: int
    """How many are remembered now."""


@dataclass(frozen=True, slots=True)
class Event:
    """One finished operation. It holds no secret."""

    at: int
    """When."""
    operation: str
    """Which: the method's name, but ``revoke_token`` for ``revoke``; or what others are made of: ``open``, ``tick``,
    ``rehash``, ``deletions``, ``finish_deletion``, ``trust_clock``."""
    result: Literal["success", "refused", "failed"]
    """It did what was asked; it decided against it; or it could not decide."""
    reason: str | None
    """Why, in a fixed word; ``None`` when it succeeded."""
    name: str | None
    """The login name that was given, canonical; ``None`` when there was none that can be one."""
    account: str | None
    """Whose it was, when that is proven."""
    session: str | None
    """Which, when that is known."""
    source: str | None
    """The client's address, as it was given; ``None`` when there was none."""

    @property
    def at_utc(self) -> datetime:
        return utc(self.at)
