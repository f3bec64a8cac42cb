"""The state machine of :mod:`model` finds what is wrong with an engine: each of these is, in one thing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from model.judge import Judge, Wrong
from model.machine import walk
from model.stores import Memory, Sled, Stores

from doorward import Denied, Engine, Receipt, SessionGone, Tokens

WALKS = 600
"""The first that finds it ends the search."""


class LogoutEndsNothing(Engine):
    def logout(self, session_token: str) -> Receipt:
        try:
            kept = self.session_data(session_token)
        except SessionGone:
            return super().logout(session_token)
        return Receipt(kept.session.session_id, ended=True, access_dies_at=None, max_staleness=0)


class LogoutEverywhereLeavesSessions(Engine):
    def logout_everywhere(self, account: str, keep: str | None = None) -> str | None:
        return super().logout_everywhere(account, keep) if keep is not None else None


class VerifyRemembersForGood(Engine):
    def verify(self, access_token: str, audience: str | None = None) -> dict[str, Any]:
        known = self.__dict__.setdefault("known", {})
        if (access_token, audience) not in known:
            known[access_token, audience] = super().verify(access_token, audience)
        claims: dict[str, Any] = known[access_token, audience]
        return claims


class DisableLeavesSessions(Engine):
    """It keeps logins out, though."""

    def disable(self, account: str) -> None:
        self.__dict__.setdefault("shut", set()).add(account)

    def enable(self, account: str) -> None:
        super().enable(account)
        self.__dict__.setdefault("shut", set()).discard(account)

    def login(self, *given: Any, **options: Any) -> Any:
        login = super().login(*given, **options)
        if login.account in self.__dict__.get("shut", ()):
            denied = Denied()
            denied.status = "DW_DENIED"
            raise denied
        return login


class ChangePasswordChangesNothing(Engine):
    """The session has a new token, and that is all: the others live on."""

    def change_password(self, session_token: str, current: str, new: str, source: str | None = None) -> str:
        return self.reauthenticate(session_token, current, source)


class RotationKeepsTheToken(Engine):
    def rotate_session(self, session_token: str) -> str:
        self.session_data(session_token)
        return session_token


class RefreshTakesATokenTwice(Engine):
    def refresh(self, refresh_token: str, *given: Any, **options: Any) -> Tokens:
        known = self.__dict__.setdefault("known", {})
        if refresh_token not in known:
            known[refresh_token] = super().refresh(refresh_token, *given, **options)
        tokens: Tokens = known[refresh_token]
        return tokens


FAULTS = [
    LogoutEndsNothing,
    LogoutEverywhereLeavesSessions,
    VerifyRemembersForGood,
    DisableLeavesSessions,
    ChangePasswordChangesNothing,
    RotationKeepsTheToken,
    RefreshTakesATokenTwice,
]


class ForgetsWhenClosed(Sled):
    """Each opening finds an empty folder."""

    opened = 0

    def _place(self) -> str:
        self.opened += 1
        return f"{super()._place()}-{self.opened}"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_found(judge: Judge, fault: type[Engine], tmp_path: Path) -> None:
    find(judge, partial(Memory, tmp_path, fault))


def test_a_store_that_forgets_is_found(judge: Judge, tmp_path: Path) -> None:
    find(judge, partial(ForgetsWhenClosed, tmp_path))


def find(judge: Judge, make_stores: Callable[[], Stores]) -> None:
    chosen = settings(
        max_examples=WALKS,
        stateful_step_count=50,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises(Wrong, match="invariant"):
        run_state_machine_as_test(walk(judge, make_stores), settings=chosen)
