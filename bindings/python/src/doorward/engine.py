"""The engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, TypeVar, overload

from . import _calls as calls
from . import _files, _fork, errors
from . import _operations as op
from ._base import Base
from ._calls import Lifetime, Rotation
from ._config import Clock, Hashing, MasterKey, Revocation, Settings, Signing
from ._lent import NULL, of_type
from ._lent import path as path_bytes
from ._native import ffi, lib
from .results import AnySession, Jwks, Login, Maintained, Receipt, Rotated, Session, SessionData, Tokens

__all__ = ["Engine"]

T = TypeVar("T")
Progress = Callable[[int, int], object]

_ERROR = ffi.typeof("dw_error*[1]")


class Engine(Base):
    """An authentication engine on a store. Made by :meth:`open`; usable from any thread, by many at once.

    Every call releases the GIL and returns when its outcome is durable. Every refusal is an :class:`~doorward.Error`.

    >>> with Engine.open("memory:") as engine:
    ...     ada = engine.register("ada", "plum kettle orbit")
    ...     login = engine.login("ada", "plum kettle orbit")
    ...     engine.authenticate(login.session_token).account == ada
    True
    """

    _kind = "engine"

    @classmethod
    def open(
        cls,
        store: str,
        *,
        master_key: MasterKey | None = None,
        key_file: str | PathLike[str] | None = None,
        create_key_file: bool = False,
        policy: Mapping[str, Any] | str | None = None,
        signing: Signing | Sequence[Signing] | None = None,
        issuer: str | None = None,
        audience: str | None = None,
        client_id: str | None = None,
        revocation: Revocation | None = None,
        clock: Clock = "system",
        now: int | None = None,
        peppers: Sequence[tuple[int, bytes]] = (),
        old_peppers: Sequence[tuple[int, bytes]] = (),
        hashing: Hashing = Hashing(),
        remember_tokens: int | None = None,
        maintain_every: float | None = None,
        events: int = 0,
        trust_clock: bool = False,
    ) -> Engine:
        """Opens an engine.

        :param store: ``sqlite:PATH``, ``sled:PATH``, or ``memory:``, which forgets all when it is closed. Nothing else in this
            process may open the file at ``PATH`` meanwhile, :mod:`sqlite3` least of all: closing it drops the engine's locks.
            Look at it from another process, or at a :meth:`backup`.
        :param master_key: 32 random bytes (``secrets.token_bytes(32)``) that are kept apart from the database; or
            ``(number, bytes)``; or a list of those, of which the first makes new tokens, and tokens of all are accepted. One
            without a number is number 1. ``memory:`` needs none.
        :param key_file: a file with one, in place of ``master_key``, which only its owner may read.
        :param create_key_file: whether that file is made when it is not there.
        :param policy: lengths, lifetimes and limits: a dict or JSON text. What it leaves out keeps its default, a key that it
            should not have is refused; :meth:`policy` shows every one. ``…_ms`` are milliseconds.
        :param signing: keys of your own for access tokens (see :class:`~doorward.Signing`); without, the engine derives its
            own and rotates them.
        :param issuer: the ``iss`` of access tokens: ``tokens.issuer`` of the policy.
        :param audience: whom access tokens are for (``aud``), where :meth:`issue` and :meth:`verify` are given none: your API,
            as a URI.
        :param client_id: which client tokens belong to, where :meth:`issue`, :meth:`refresh` and :meth:`revoke` are given
            none. Default: this ``audience``, for an application that is its own client.
        :param revocation: how :meth:`verify` learns of logouts: ``"bound"`` (the default) asks the store each time, and accepts
            nothing that is over; ``"watched"`` follows the journal, at most two seconds behind; ``"until-expiry"`` accepts a
            token to its end, unless the keys are renewed (:meth:`revoke_all_tokens`), which it hears of within a minute. Or a
            dict, as the policy's ``tokens.revocation``.
        :param clock: ``"manual"`` for tests: it shows ``now``, in UTC milliseconds, or 0, until :meth:`set_time` moves it.
        :param peppers: ``(number, 32 random bytes)`` each, kept apart from the database, without which nobody can try
            passwords on a stolen one: the first hashes new passwords, all verify. Where the pepper that has hashed a password
            is not given, every login with it is ``Denied``.
        :param old_peppers: further ones, that verify and hash nothing new.
        :param hashing: how many passwords are hashed at once.
        :param remember_tokens: how many verified access tokens are remembered at most, so that their signature is not looked at
            again (default 4096; 0: none; a larger number than 1048576 counts as that).
        :param maintain_every: seconds between maintenances by a thread of the engine's own, at least 1 and at most half of the
            policy's ``max_clock_regression_ms``. Default: call :meth:`maintain` every few minutes, and at least once in that
            time.
        :param events: how many events may wait for :meth:`events`, at most 1048576. Default: none are kept.
        :param trust_clock: takes the clock's word against the store's: after a person has looked at the clock, when an opening
            has failed for it. All sessions are ended when that sets the store's time back.
        :raises ConfigError: with a sentence that says what to change.
        :raises StoreError: when the store or the clock fails.

        >>> policy = {"password": {"min": 12}, "sessions": {"web": {"idle_ms": 900_000}}}
        >>> with Engine.open("memory:", policy=policy, audience="https://api.example") as engine:
        ...     engine.policy()["sessions"]["web"]
        {'absolute_ms': 86400000, 'idle_ms': 900000}
        """
        settings = Settings(
            store=store,
            master_key=master_key,
            key_file=key_file,
            create_key_file=create_key_file,
            peppers=peppers,
            old_peppers=old_peppers,
            policy=policy,
            signing=signing,
            issuer=issuer,
            audience=audience,
            client_id=client_id,
            revocation=revocation,
            clock=clock,
            now=now,
            trust_clock=trust_clock,
            hashing=hashing,
            remember_tokens=remember_tokens,
            maintain_every=maintain_every,
            events=events,
        )
        if store is None:
            raise of_type(store, "store", 'a str like "sqlite:app.db"')
        with _fork.opening("engine") as held:
            claim = _files.of_url(store)
            if claim is not None:
                held.freed = claim.release_after_calls
            with settings.config() as config:
                error = ffi.new(_ERROR)
                status = lib.dw_engine_open(config, held.slot, error)
            if status:
                raise errors.raised(status, error, 0)
            held.made()
            if claim is not None:
                claim.opened()
            return cls(held, calls.Parties(audience, client_id))

    def close(self) -> None:
        """Closes the store, once the calls of other threads have returned. A second call does nothing.

        >>> engine.close()
        >>> engine.now()
        Traceback (most recent call last):
        doorward.errors.Misuse: this engine is closed: open another
        """
        self._held.release()

    def __enter__(self) -> Engine:
        self._held.use()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _run(self, call: calls.Call[T]) -> T:
        operation, result = call.operation, call.operation.result
        slots, error = result.slots(), ffi.new(_ERROR)
        _fork.underway.add(error)
        try:
            status = operation.call(self._held.use(), *call.arguments, *slots, error)
            if status:
                raise self._raised(status, error)
            return result.read(*slots)
        finally:
            # Also when an interrupt came with the answer.
            _fork.underway.discard(error)
            result.drop(slots)

    # Accounts.

    def register(self, name: str, password: str, source: str | None = None) -> str:
        """Signs a person up, and gives the new account's id.

        :param name: compared without regard to case; letters, digits and ASCII punctuation, without spaces.
        :param password: at least 15 characters, unless the policy's ``password.min`` says otherwise.
        :param source: the client's IP address as text, without a port: who registers too much from it is slowed.
        :raises Taken: another account has the name.
        :raises WeakPassword: the password cannot be one.
        :raises Refused: the name cannot be one.
        :raises Throttled: too many from this source.

        >>> engine.register("grace", "a lighthouse keeper sings")  # doctest: +ELLIPSIS
        '...'
        """
        return self._run(calls.register(name, password, source))

    def set_password(self, account: str, new: str) -> None:
        """Sets an account's password without the present one (recovery, administrators): ends all its sessions, and lifts a
        lock.

        >>> engine.set_password(ada, "nine brass telescopes")
        """
        self._run(calls.set_password(account, new))

    def rename(self, account: str, name: str) -> None:
        """Gives an account another login name; the old one is free, and sessions live on.

        >>> engine.rename(ada, "ada.lovelace")
        """
        self._run(calls.rename(account, name))

    def unlock(self, account: str) -> None:
        """Lifts what guesses have brought on an account.

        >>> engine.unlock(ada)
        """
        self._run(calls.of_account(op.UNLOCK, account))

    def disable(self, account: str) -> None:
        """Shuts an account: all its sessions are over, and nobody logs in to it.

        >>> engine.disable(ada)
        >>> engine.login("ada", "plum kettle orbit")
        Traceback (most recent call last):
        doorward.errors.Denied: name or password is wrong
        """
        self._run(calls.of_account(op.DISABLE, account))

    def enable(self, account: str) -> None:
        """Opens a disabled account for logins again; what was ended stays ended.

        >>> engine.disable(ada)
        >>> engine.enable(ada)
        """
        self._run(calls.of_account(op.ENABLE, account))

    def mark_compromised(self, account: str) -> None:
        """Says that an account's password is in other hands: all its sessions are over, and a login with it is
        :class:`~doorward.MustChange` until :meth:`set_password` sets another.

        >>> engine.mark_compromised(ada)
        """
        self._run(calls.of_account(op.MARK_COMPROMISED, account))

    def delete_account(self, account: str) -> None:
        """Deletes an account: all its sessions are over, and its name is free. Its id is never given again.

        >>> engine.delete_account(ada)
        >>> engine.sessions(ada)
        []
        """
        self._run(calls.of_account(op.DELETE_ACCOUNT, account))

    # Logins and sessions.

    def login(
        self,
        name: str,
        password: str,
        source: str | None = None,
        label: str | None = None,
        lifetime: Lifetime = "web",
        previous: str | None = None,
        device: str | None = None,
        *,
        scope: str | None = None,
        carry_data: bool = False,
        remember_device: bool = False,
    ) -> Login:
        """Logs a person in.

        :param source: the client's IP address as text, without a port: who guesses from it is slowed.
        :param label: what the client calls itself (its ``User-Agent``), for lists of sessions: cut at 128 bytes, and made safe
            to show.
        :param lifetime: ``"web"`` (an hour without use, a day in all), ``"remembered"`` (a week, 30 days) or ``"device"``
            (30 days, 90 days), unless the policy says otherwise.
        :param previous: the token of the session that this login replaces, a guest's too: send every login's old cookie.
        :param device: the device's token of an earlier login: it has an allowance of guesses of its own.
        :param scope: what tokens of this session may be granted at most: words with spaces between them. Default: nothing.
        :param carry_data: whether the data of the guest's session ``previous`` is taken along.
        :param remember_device: whether the result has a token for this device.
        :raises Denied: name or password is wrong, or the account may not log in.
        :raises Throttled: too many guesses.
        :raises MustChange: the password is right, and known to others.
        :raises Refused: ``previous`` is another account's, or the account has as many sessions as the policy allows.
        :raises Busy: no room to hash it now.

        >>> login = engine.login("ada", "plum kettle orbit", label="Firefox")
        >>> login.account == ada
        True
        """
        return self._run(
            calls.login(name, password, source, label, lifetime, previous, device, scope, carry_data, remember_device)
        )

    def authenticate(self, session_token: str) -> Session:
        """Whose session this is, if it lives. Every exception means no.

        :raises SessionGone: no live session of an account is behind this token.

        >>> engine.authenticate(login.session_token).account == ada
        True
        """
        return self._run(calls.of_token(op.AUTHENTICATE, session_token))

    def logout(self, session_token: str) -> Receipt:
        """Ends the session of this token for good: durable when it returns. A second call is no error. After any exception but
        :class:`~doorward.SessionGone` it is not known to be done: keep the cookie, and call again.

        >>> engine.logout(login.session_token).ended
        True
        """
        return self._run(calls.of_token(op.LOGOUT, session_token))

    @overload
    def logout_everywhere(self, account: str, keep: None = None) -> None: ...
    @overload
    def logout_everywhere(self, account: str, keep: str) -> str: ...
    def logout_everywhere(self, account: str, keep: str | None = None) -> str | None:
        """Ends every session of an account, but for that of the token ``keep``, which goes on under the token that is
        returned.

        :raises NotFound: no such account.
        :raises Refused: the session to keep is another account's.
        :raises SessionGone: there is no session to keep, and none was ended.

        >>> token = engine.logout_everywhere(ada, keep=login.session_token)
        >>> engine.authenticate(token).session_id == login.session
        True
        """
        return self._run(calls.logout_everywhere(account, keep))

    def sessions(self, account: str) -> list[Session]:
        """The live sessions of an account; none for an account that is not there.

        >>> [session.label for session in engine.sessions(ada)]
        ['Firefox']
        """
        return self._run(calls.of_account(op.SESSIONS, account))

    def end_session(self, account: str, session_id: str) -> Receipt:
        """Ends one session of this account.

        :raises NotFound: for every other session, another account's too.

        >>> engine.end_session(ada, login.session).ended
        True
        """
        return self._run(calls.end_session(account, session_id))

    def reauthenticate(self, session_token: str, password: str, source: str | None = None) -> str:
        """Proves the password of a live session again; the session goes on under the token that is returned.

        >>> token = engine.reauthenticate(login.session_token, "plum kettle orbit")
        >>> engine.authenticate(token).fresh(60)
        True
        """
        return self._run(calls.reauthenticate(session_token, password, source))

    def change_password(self, session_token: str, current: str, new: str, source: str | None = None) -> str:
        """Changes the password of a live session's account. The session goes on under the token that is returned, every other
        one is over.

        >>> token = engine.change_password(login.session_token, "plum kettle orbit", "nine brass telescopes")
        """
        return self._run(calls.change_password(session_token, current, new, source))

    def rotate_session(self, session_token: str) -> str:
        """Gives a live session, a guest's too, another token, which is returned; the former one is dead.

        >>> token = engine.rotate_session(login.session_token)
        """
        return self._run(calls.of_token(op.ROTATE_SESSION, session_token))

    # Data of the host's.

    def open_session(self, data: bytes = b"", lifetime: float | None = None, label: str | None = None) -> str:
        """Opens a session for nobody yet, with data of yours, and gives its token; a login replaces it.

        :param lifetime: seconds that it may live at most, and no more than ``sessions.anonymous.absolute_ms`` of the policy,
            which is the default. Without use it ends as that policy's ``idle_ms`` says, or sooner.

        >>> guest = engine.open_session(b"two plums")
        >>> engine.session_data(guest).data
        b'two plums'
        """
        return self._run(calls.open_session(data, lifetime, label))

    def session_data(self, session_token: str) -> SessionData:
        """What you keep with a live session, and whose it is, a guest's too.

        >>> engine.session_data(login.session_token).session.account == ada
        True
        """
        return self._run(calls.of_token(op.SESSION_DATA, session_token))

    def update_session_data(self, session_token: str, data: bytes, lifetime: float | None = None) -> AnySession:
        """Replaces what you keep with a live session: durable when it returns, and refused once the session is over.

        :param lifetime: seconds: also gives the session that lifetime, from now on.

        >>> engine.update_session_data(login.session_token, b"dark mode").account == ada
        True
        """
        return self._run(calls.update_session_data(session_token, data, lifetime))

    # Tokens.

    def issue(
        self,
        session_token: str,
        client_id: str | None = None,
        audience: str | Sequence[str] | None = None,
        scope: str | None = None,
        claims: dict[str, Any] | None = None,
        refresh: bool = False,
    ) -> Tokens:
        """Issues an access token for a live session.

        :param client_id: which client it is issued to; none: the engine's ``client_id``, or else its ``audience``.
        :param audience: whom it is for; one or up to eight; none: the engine's ``audience``.
        :param scope: words with spaces between them; none: all that the session may grant.
        :param claims: further claims, as JSON has them: at most 2048 bytes, and none of the registered names.
        :param refresh: whether a refresh token comes with it.
        :raises SessionGone: no live session of an account is behind the token.
        :raises Refused: more is asked than the session may grant, or what cannot be a client, an audience, a scope or claims.

        >>> tokens = engine.issue(login.session_token, claims={"plan": "gold"}, refresh=True)
        >>> engine.verify(tokens.access)["plan"]
        'gold'
        """
        begun = self.now()
        issued = self._run(calls.issue(self._parties, session_token, client_id, audience, scope, claims, refresh))
        return issued.at(self._not_before(begun))

    def refresh(
        self,
        refresh_token: str,
        scope: str | None = None,
        *,
        client_id: str | None = None,
        audience: str | Sequence[str] | None = None,
        claims: dict[str, Any] | None = None,
    ) -> Tokens:
        """Uses a refresh token: the next one and an access token. A client whose answer was lost may use it again within ten
        seconds (the policy's ``tokens.grace_ms``).

        :param scope: less than was granted, for this access token; none: all of it.
        :param client_id: the client that it was issued to; none: as for :meth:`issue`.
        :param audience: some of the audiences that it was issued for; none: all of them.
        :param claims: further claims of this access token: those of :meth:`issue` are not repeated.
        :raises TokenReused: it came back after it was used, so its session has ended.
        :raises TokenInvalid: it opens nothing.
        :raises Conflict: it was used a moment ago: use the one that came of it.
        :raises Refused: it was issued to another client, or for less than is asked.

        >>> tokens = engine.issue(login.session_token, refresh=True)
        >>> tokens = engine.refresh(tokens.refresh)
        """
        begun = self.now()
        issued = self._run(calls.refresh(self._parties, refresh_token, scope, client_id, audience, claims))
        return issued.at(self._not_before(begun))

    def verify(self, access_token: str, audience: str | None = None) -> dict[str, Any]:
        """The claims of an access token for this audience (RFC 9068), if it is valid and not known to be over: in the mode
        that ``revocation`` says. Times are in seconds, as JWTs have them. Every exception means no.

        :param audience: who asks; none: the engine's ``audience``.
        :raises TokenInvalid: :attr:`~doorward.Error.reason` names the rule that it breaks.

        >>> claims = engine.verify(engine.issue(login.session_token).access)
        >>> claims["sub"] == ada, claims["aud"]
        (True, ['https://api.example'])
        """
        claims = self._run(calls.verify(self._parties, access_token, audience))
        claims["iss"] = self._issuer
        return claims

    def introspect(self, token: str, audience: str | None = None) -> dict[str, Any]:
        """What an access or refresh token is (RFC 7662, section 2.2). It asks the store, whatever ``revocation`` says.

        :param audience: the resource server that asks; none: nobody in particular does.

        >>> engine.introspect("no token")
        {'active': False}
        """
        return self._run(calls.introspect(token, audience))

    def revoke(self, token: str, client_id: str | None = None) -> bool:
        """Revokes a token of this client (RFC 7009): a refresh token with all that came of it, or one access token. Gives
        whether there was something to end; a token that is none is no error.

        :raises Refused: it was issued to another client.
        :raises StoreError: too many access tokens of its session are revoked: log that out instead.

        >>> engine.revoke(engine.issue(login.session_token).access)
        True
        """
        return not self._run(calls.revoke_token(self._parties, token, client_id))

    def jwks(self) -> Jwks:
        """The public keys that access tokens are verified with elsewhere (RFC 7517).

        >>> [key["kty"] for key in engine.jwks().keys["keys"]]
        ['OKP']
        """
        return self._run(calls.Call(op.JWKS, ()))

    def rotate_keys(self, when: Rotation = "soon") -> Rotated:
        """Makes the next signing key before it is time for it. What was signed before lives to its end.

        :param when: ``"soon"``: it signs when verifiers elsewhere have had the time to fetch it; ``"at-once"``;
            ``"when-due"``: nothing is made unless it is time for it.
        :raises StoreError: too many keys are in use: wait until what the oldest signed has ended, or revoke all tokens.

        >>> engine.rotate_keys().is_new
        True
        """
        return self._run(calls.rotate_keys(when))

    def revoke_all_tokens(self, and_sessions: bool = False) -> None:
        """Ends every access and refresh token of everybody, by new keys; and every session, if told so.

        >>> engine.revoke_all_tokens()
        """
        self._run(calls.revoke_all_tokens(and_sessions))

    # Upkeep.

    def maintain(self) -> Maintained:
        """What a store needs now and then: purges, finishes deletions, makes the next signing key in time. Call it every few
        minutes.

        >>> engine.maintain().more
        False
        """
        return self._run(calls.Call(op.MAINTAIN, ()))

    def purge(self, limit: int = 1000) -> int:
        """Removes what has expired some time ago, ``limit`` rows and journal entries at most, and gives how many. Nothing
        depends on it but the store's size.

        >>> engine.purge()
        0
        """
        return self._run(calls.purge(limit))

    def after_restore(self) -> None:
        """Ends every session of every account: call it once after restoring a backup, before the doors open.

        >>> engine.after_restore()
        """
        self._run(calls.Call(op.AFTER_RESTORE, ()))

    def backup(self, path: str | PathLike[str], progress: Progress | None = None) -> None:
        """Copies the database to a new file, durable and checked, while the engine goes on: of a ``sqlite:`` store only.
        Nothing is overwritten. The copy opens with the same master keys and peppers: call :meth:`after_restore` then.

        :param path: the new file's, whose folder is there.
        :param progress: is told ``(done, of)``, in pages, again and again until they are the same; an exception of its own
            stops the backup, leaves no file, and is raised here.
        :raises Misuse: something is at the path already, or the store is another.
        :raises StoreError: the copy cannot be read or written.

        >>> with Engine.open("sqlite:app.db", key_file="app.key", create_key_file=True) as engine:
        ...     engine.backup("copy.db")
        """
        encoded = path_bytes(path, "path")
        if progress is not None and not callable(progress):
            raise of_type(progress, "progress", "a function of (done, of)")
        raised: list[BaseException] = []

        def tell(_: Any, done: int, of: int) -> int:
            if _fork.is_ending():
                return 1
            if progress is not None:
                progress(done, of)
            return 0

        def stop(_: Any, error: BaseException, trace: Any) -> None:
            raised.append(error)

        # An interrupt comes at any place of it.
        callback = NULL if progress is None else ffi.callback("dw_progress", tell, error=1, onerror=stop)
        if progress is not None:
            _fork.calling_back.add(callback)
        try:
            self._check(lib.dw_engine_backup, self._held.use(), encoded, len(encoded), callback, NULL)
        finally:
            _fork.calling_back.discard(callback)
            if raised:
                raise raised[0] from None
