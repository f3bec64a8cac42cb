"""``SESSION_ENGINE = "doorward.django"``.

A session's key is the engine's token, and only the engine makes one. Every write is refused once the session is over.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.views.decorators.debug import sensitive_variables

from .. import Error, SessionGone
from .._contended import persistent
from ._engine import engine
from ._proofs import Proof, has_pending

_EXPIRY = "_session_expiry"


class SessionEnded(UpdateError, SessionInterrupted):
    """The session is over, and is not brought back. Django answers with 400."""

    def __init__(self) -> None:
        super().__init__("The session has ended, perhaps by a logout in another request.")


class SessionStore(SessionBase):
    """A session of the engine, a guest's or a person's.

    What is kept is signed, as Django's own sessions are, together with its session, its end and its account: who can write to
    the store can make no login of it, nor of what another session keeps. A failure of the store is raised, and never looks like
    a session that is not there.
    """

    if TYPE_CHECKING:

        def _get_session(self, no_load: bool = ...) -> dict[str, Any]: ...

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._account: str | None = None
        self._id = ""
        """The engine's id of the session, which stays the same under each of its keys."""
        self._holder_of: str | None = None
        """The key whose session and account are known."""
        self._proof: Proof | None = None

    @property
    def key_salt(self) -> str:
        return "doorward.django.SessionStore"

    @property
    def account(self) -> str | None:
        """The account that is logged in by the engine, or None for a guest's session, as it was last loaded or saved."""
        self._get_session()
        return self._account if self.session_key is not None else None

    @sensitive_variables()
    def load(self) -> dict[str, Any]:
        key = self.session_key
        data = self._loaded(key) if key is not None else None
        if data is None:
            self._session_key = None
            return {}
        return data

    def _loaded(self, key: str) -> dict[str, Any] | None:
        try:
            kept = engine().session_data(key)
        except SessionGone:
            return None
        self._knows(key, kept.session.session_id, kept.session.account)
        if not kept.data:
            return {}
        record = self.decode(kept.data.decode("ascii", "replace"))
        if not record or record.get("session") != self._id or record["account"] != self._account:
            return {}
        if record["until"] <= engine().now():
            engine().logout(key)
            return None
        data: dict[str, Any] = record["data"]
        return data

    @sensitive_variables()
    def exists(self, session_key: str | None) -> bool:
        try:
            return session_key is not None and engine().session_data(session_key) is not None
        except SessionGone:
            return False

    @sensitive_variables()
    def create(self) -> None:
        """Opens a session of the engine's for a guest, with what this one keeps."""
        data = self._get_session(no_load=True)
        age = self.get_expiry_age()
        token = engine().open_session(lifetime=self._guest_lifetime(age))
        try:
            if age <= 0:
                engine().logout(token)
            else:
                # What is kept names its session, which has an id only now.
                self._update(token, data)
        except BaseException:
            with suppress(Error):
                engine().logout(token)
            raise
        self._session_key = token
        self.modified = True

    @sensitive_variables()
    def save(self, must_create: bool = False) -> None:
        """Writes what this session keeps, and renews its life.

        :raises SessionEnded: an ``UpdateError``: it is over.
        :raises CreateError: a key of the caller's choice cannot be created.
        """
        if self.session_key is None:
            return self.create()
        if must_create:
            raise CreateError("only the engine makes a session's key: save one without a key")
        data = self._get_session()
        key = self.session_key
        if key is None:
            raise SessionEnded
        try:
            self._update(key, data)
        except SessionGone:
            raise SessionEnded from None
        if self._proof is not None:
            self._proof.settle()
            self._proof = None
        return None

    def _update(self, key: str, data: dict[str, Any]) -> None:
        if self._holder_of != key:
            session = engine().session_data(key).session
            self._knows(key, session.session_id, session.account)
        age = self.get_expiry_age()
        if age <= 0:
            if not engine().logout(key).ended:
                raise SessionEnded
            return
        lifetime: float | None = None
        if self._account is None:
            lifetime = self._guest_lifetime(age)
        elif isinstance(data.get(_EXPIRY), str):
            lifetime = age  # a date: the engine's session of a person can be made shorter, and never longer
        record = self._record(data, age)
        persistent(lambda: engine().update_session_data(key, record, lifetime))

    @sensitive_variables()
    def delete(self, session_key: str | None = None) -> None:
        """Ends the session for good: durable when it returns. One that is over is no error."""
        key = self.session_key if session_key is None else session_key
        if key is None:
            return
        with suppress(SessionGone):
            engine().logout(key)
        if self._proof is not None and key == self.session_key:
            self._proof.settle()
            self._proof = None

    # Django's asynchronous methods: two that would hand the key on where reports show it, and one that makes two steps of it.

    @sensitive_variables()
    async def aexists(self, session_key: str | None) -> bool:
        @sensitive_variables()
        def is_there() -> bool:
            return self.exists(session_key)

        return await sync_to_async(is_there)()

    @sensitive_variables()
    async def adelete(self, session_key: str | None = None) -> None:
        @sensitive_variables()
        def deleted() -> None:
            self.delete(session_key)

        await sync_to_async(deleted)()

    async def acycle_key(self) -> None:
        await sync_to_async(self.cycle_key)()

    @sensitive_variables()
    def cycle_key(self) -> None:
        """Gives the session another key in one step; the former one is dead.

        :raises SessionEnded: it is over: what it kept is not taken along.
        """
        data = self._get_session()
        key = self.session_key
        if key is not None:
            try:
                self.renewed(engine().rotate_session(key))
            except SessionGone:
                raise SessionEnded from None
        elif has_pending():
            self.modified = True  # a login brings its own
        else:
            self.create()
        self._session_cache = data

    def renewed(self, token: str) -> None:
        """The engine has given this session another token, as ``change_password`` and others do: the cookie gets it."""
        is_known = self._holder_of is not None and self._holder_of == self._session_key
        self._session_key = token
        self._holder_of = token if is_known else None
        self.modified = True

    @sensitive_variables()
    def adopt(self, proof: Proof) -> None:
        """Goes on as the session that a login has begun. What was kept is taken along, and the session it was kept in ends.
        Where that fails, this one is again what is kept, without what ``login()`` has put into it."""
        data = self._get_session()
        try:
            self.delete()
        except BaseException:
            del self._session_cache
            raise
        token = proof.token
        if token is None:
            raise SessionEnded
        self._proof = proof
        self.renewed(token)
        self._knows(token, proof.session, proof.account)
        self._session_cache = data

    @classmethod
    def clear_expired(cls) -> None:
        """The engine's maintenance; it also runs by itself every five minutes, unless ``MAINTAIN_EVERY`` says otherwise."""
        while engine().maintain().more:
            pass

    def _knows(self, key: str, session: str, account: str | None) -> None:
        self._holder_of, self._id, self._account = key, session, account

    def _record(self, data: dict[str, Any], age: float) -> bytes:
        until = engine().now() + int(age * 1000)
        return self.encode({"data": data, "until": until, "session": self._id, "account": self._account}).encode()

    def _guest_lifetime(self, age: float) -> float:
        longest: float = engine().policy()["sessions"]["anonymous"]["absolute_ms"] / 1000
        return min(max(age, 1), longest)
