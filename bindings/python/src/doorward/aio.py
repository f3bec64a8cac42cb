"""The engine as coroutines, on a store of your own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, TypeVar, overload

from . import _calls as calls
from . import _fork, errors
from . import _operations as op
from ._base import Base
from ._calls import Lifetime, Rotation
from ._config import Clock, Hashing, MasterKey, Revocation, Settings, Signing
from ._lent import flag
from ._native import ffi, lib
from ._steps import Steps
from .results import AnySession, Jwks, Login, Maintained, Receipt, Rotated, Session, SessionData, Tokens
from .store import AsyncStore

__all__ = ["AsyncEngine"]

T = TypeVar("T")

_ERROR = ffi.typeof("dw_error*[1]")


class AsyncEngine(Base):
    """An :class:`~doorward.Engine` as coroutines: its rows are in a store of the host's (:mod:`doorward.store`), which is
    asked in the host's event loop. Made by :meth:`open`; used in the event loop that it was opened in, by many tasks at once.

    ``async with await AsyncEngine.open(store, key_file="app.key") as engine:`` closes it at the block's end.

    Passwords are hashed on threads. A task that is cancelled abandons its operation: a commit that was under way may stand or
    fall, and no token was given out.
    """

    _kind = "context"

    @classmethod
    async def open(
        cls,
        store: AsyncStore,
        *,
        durable: bool = True,
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
        events: int = 0,
        trust_clock: bool = False,
    ) -> AsyncEngine:
        """Opens an engine on a store, which stays the host's: closing the engine does not close it.

        :param durable: whether what the store has acknowledged survives a power cut. ``False``: it forgets when its process or
            machine stops, all accounts and sessions together.

        The others are as those of :meth:`Engine.open`. There is no ``maintain_every``, for the engine has no thread of its own
        to ask your store: call :meth:`maintain` every few minutes, and at least once in the policy's
        ``max_clock_regression_ms``. And ``memory:`` has its master key by itself; here one is given always.
        """
        settings = Settings(
            store=None,
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
            events=events,
        )
        durability = lib.DW_DURABLE if flag(durable, "durable") else lib.DW_EPHEMERAL
        with _fork.opening("context") as held:
            op, error = _fork.hold("op"), ffi.new(_ERROR)
            try:
                with settings.config() as config:
                    steps = Steps(store, hashing)
                    status = lib.dw_op_open(config, durability, op.slot, error)
                if status:
                    raise errors.raised(status, error, 0)
                op.made()
                why = await steps.run(op)
                status = lib.dw_op_take_context(op.use(), held.slot, error)
                if status:
                    raise op.refused(errors.raised(status, error, 0)) from why
                held.made()
                return cls(held, calls.Parties(audience, client_id), steps)
            finally:
                op.release()

    def __init__(self, held: _fork.Held, parties: calls.Parties, steps: Steps) -> None:
        super().__init__(held, parties)
        self._steps = steps

    async def close(self) -> None:
        """Closes the engine, not its store. What is under way may go on. A second call does nothing."""
        self._steps.close()
        self._held.release()

    async def __aenter__(self) -> AsyncEngine:
        self._held.use()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, call: calls.Call[T]) -> T:
        operation, result = call.operation, call.operation.result
        handle = self._held.use()
        self._steps.check_loop()
        op, slots, error = _fork.hold("op"), result.slots(), ffi.new(_ERROR)
        try:
            self._check(operation.begin, handle, *call.arguments, op.slot)
            op.made()
            why = await self._steps.run(op)
            status = result.take(op.use(), *slots, error)
            if status:
                raise op.refused(self._raised(status, error)) from why
            return result.read(*slots)
        finally:
            op.release()
            result.drop(slots)

    # Accounts.

    async def register(self, name: str, password: str, source: str | None = None) -> str:
        """As :meth:`Engine.register`."""
        return await self._run(calls.register(name, password, source))

    async def set_password(self, account: str, new: str) -> None:
        """As :meth:`Engine.set_password`."""
        await self._run(calls.set_password(account, new))

    async def rename(self, account: str, name: str) -> None:
        """As :meth:`Engine.rename`."""
        await self._run(calls.rename(account, name))

    async def unlock(self, account: str) -> None:
        """As :meth:`Engine.unlock`."""
        await self._run(calls.of_account(op.UNLOCK, account))

    async def disable(self, account: str) -> None:
        """As :meth:`Engine.disable`."""
        await self._run(calls.of_account(op.DISABLE, account))

    async def enable(self, account: str) -> None:
        """As :meth:`Engine.enable`."""
        await self._run(calls.of_account(op.ENABLE, account))

    async def mark_compromised(self, account: str) -> None:
        """As :meth:`Engine.mark_compromised`."""
        await self._run(calls.of_account(op.MARK_COMPROMISED, account))

    async def delete_account(self, account: str) -> None:
        """As :meth:`Engine.delete_account`."""
        await self._run(calls.of_account(op.DELETE_ACCOUNT, account))

    # Logins and sessions.

    async def login(
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
        """As :meth:`Engine.login`."""
        return await self._run(
            calls.login(name, password, source, label, lifetime, previous, device, scope, carry_data, remember_device)
        )

    async def authenticate(self, session_token: str) -> Session:
        """As :meth:`Engine.authenticate`."""
        return await self._run(calls.of_token(op.AUTHENTICATE, session_token))

    async def logout(self, session_token: str) -> Receipt:
        """As :meth:`Engine.logout`."""
        return await self._run(calls.of_token(op.LOGOUT, session_token))

    @overload
    async def logout_everywhere(self, account: str, keep: None = None) -> None: ...
    @overload
    async def logout_everywhere(self, account: str, keep: str) -> str: ...
    async def logout_everywhere(self, account: str, keep: str | None = None) -> str | None:
        """As :meth:`Engine.logout_everywhere`."""
        return await self._run(calls.logout_everywhere(account, keep))

    async def sessions(self, account: str) -> list[Session]:
        """As :meth:`Engine.sessions`."""
        return await self._run(calls.of_account(op.SESSIONS, account))

    async def end_session(self, account: str, session_id: str) -> Receipt:
        """As :meth:`Engine.end_session`."""
        return await self._run(calls.end_session(account, session_id))

    async def reauthenticate(self, session_token: str, password: str, source: str | None = None) -> str:
        """As :meth:`Engine.reauthenticate`."""
        return await self._run(calls.reauthenticate(session_token, password, source))

    async def change_password(self, session_token: str, current: str, new: str, source: str | None = None) -> str:
        """As :meth:`Engine.change_password`."""
        return await self._run(calls.change_password(session_token, current, new, source))

    async def rotate_session(self, session_token: str) -> str:
        """As :meth:`Engine.rotate_session`."""
        return await self._run(calls.of_token(op.ROTATE_SESSION, session_token))

    # Data of the host's.

    async def open_session(self, data: bytes = b"", lifetime: float | None = None, label: str | None = None) -> str:
        """As :meth:`Engine.open_session`."""
        return await self._run(calls.open_session(data, lifetime, label))

    async def session_data(self, session_token: str) -> SessionData:
        """As :meth:`Engine.session_data`."""
        return await self._run(calls.of_token(op.SESSION_DATA, session_token))

    async def update_session_data(self, session_token: str, data: bytes, lifetime: float | None = None) -> AnySession:
        """As :meth:`Engine.update_session_data`."""
        return await self._run(calls.update_session_data(session_token, data, lifetime))

    # Tokens.

    async def issue(
        self,
        session_token: str,
        client_id: str | None = None,
        audience: str | Sequence[str] | None = None,
        scope: str | None = None,
        claims: dict[str, Any] | None = None,
        refresh: bool = False,
    ) -> Tokens:
        """As :meth:`Engine.issue`."""
        begun = self.now()
        issued = await self._run(calls.issue(self._parties, session_token, client_id, audience, scope, claims, refresh))
        return issued.at(self._not_before(begun))

    async def refresh(
        self,
        refresh_token: str,
        scope: str | None = None,
        *,
        client_id: str | None = None,
        audience: str | Sequence[str] | None = None,
        claims: dict[str, Any] | None = None,
    ) -> Tokens:
        """As :meth:`Engine.refresh`."""
        begun = self.now()
        issued = await self._run(calls.refresh(self._parties, refresh_token, scope, client_id, audience, claims))
        return issued.at(self._not_before(begun))

    async def verify(self, access_token: str, audience: str | None = None) -> dict[str, Any]:
        """As :meth:`Engine.verify`."""
        claims = await self._run(calls.verify(self._parties, access_token, audience))
        claims["iss"] = self._issuer
        return claims

    async def introspect(self, token: str, audience: str | None = None) -> dict[str, Any]:
        """As :meth:`Engine.introspect`."""
        return await self._run(calls.introspect(token, audience))

    async def revoke(self, token: str, client_id: str | None = None) -> bool:
        """As :meth:`Engine.revoke`."""
        return not await self._run(calls.revoke_token(self._parties, token, client_id))

    async def jwks(self) -> Jwks:
        """As :meth:`Engine.jwks`."""
        return await self._run(calls.Call(op.JWKS, ()))

    async def rotate_keys(self, when: Rotation = "soon") -> Rotated:
        """As :meth:`Engine.rotate_keys`."""
        return await self._run(calls.rotate_keys(when))

    async def revoke_all_tokens(self, and_sessions: bool = False) -> None:
        """As :meth:`Engine.revoke_all_tokens`."""
        await self._run(calls.revoke_all_tokens(and_sessions))

    # Upkeep.

    async def maintain(self) -> Maintained:
        """As :meth:`Engine.maintain`."""
        return await self._run(calls.Call(op.MAINTAIN, ()))

    async def purge(self, limit: int = 1000) -> int:
        """As :meth:`Engine.purge`."""
        return await self._run(calls.purge(limit))

    async def after_restore(self) -> None:
        """As :meth:`Engine.after_restore`."""
        await self._run(calls.Call(op.AFTER_RESTORE, ()))
