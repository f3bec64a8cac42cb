"""The state machine: what Hypothesis chooses is made by the judge's world and by the package's engines."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from . import actions as a
from .host import Host
from .judge import Judge, Wrong
from .stores import Stores

_engine = st.integers(0, 1)


def does(action: str, **given: a.Strategy) -> Any:
    """A rule for an operation."""

    def does_it(self: Walk, engine: int, **chosen: Any) -> None:
        self.do(engine, {action: chosen})

    return _named(does_it, action, _rule(**given))


def _rule(**given: Any) -> Any:
    return rule(engine=_engine, **given)


def does_with_granted(action: str, **given: a.Strategy) -> Any:
    def does_it(self: Walk, engine: int, **chosen: Any) -> None:
        self.do(engine, {"Token": {action: chosen}})

    granted = precondition(lambda self: bool(self.with_access))
    return granted(_named(does_it, action, _rule(**given)))


def does_one_of(name: str, actions: a.Strategy) -> Any:
    def does_it(self: Walk, engine: int, action: Any) -> None:
        self.do(engine, action)

    return _named(does_it, name, _rule(action=actions))


def _named(does_it: Any, action: str, decorate: Any) -> Any:
    """By the name that a failing example shows."""
    does_it.__name__ = re.sub("(?<!^)(?=[A-Z])", "_", action).lower()
    return decorate(does_it)


class Walk(RuleBasedStateMachine):
    """A walk. A class of its own for each kind of store, see :func:`walk`."""

    judge: ClassVar[Judge]
    make_stores: ClassVar[Callable[[], Stores]]
    met: ClassVar[set[str]]
    """Which calls were done as asked, in any walk."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0
        self.with_session: list[int] = []
        self.with_access: list[int] = []
        """The operations that gave a session's token, or an access token."""
        self.highest = 0
        self.host: Host | None = None
        self.stores: Stores | None = None
        self.failed = False

    @initialize(
        cap=st.none() | st.tuples(st.sampled_from(["EndOldest", "Refuse"]), st.integers(1, 2)),
        peppers=a.flag,
        shared_secret=a.flag,
        people=st.integers(2, 4),
    )
    def begin(self, cap: tuple[str, int] | None, peppers: bool, shared_secret: bool, people: int) -> None:
        settings = self.judge.begin(cap, peppers, shared_secret)
        self.stores = type(self).make_stores()
        self.host = Host(self.stores, settings)
        self.highest = self.host.now
        for person in range(people):
            self.do(0, {"Register": {"name": person, "password": person}})
            self._log_in(0, name=person, guess="Right", lifetime=28 + person)

    # Accounts.

    register = does("Register", name=a.name, password=a.password)
    administer = does_one_of("administer", a.administration)
    shut = does_one_of("shut", a.shutting)

    # Logins and sessions.

    @rule(engine=_engine, name=a.name, lifetime=a.lifetime)
    def log_in(self, engine: int, name: int, lifetime: int) -> None:
        self._log_in(engine, name=name, guess="Right", lifetime=lifetime)

    @rule(engine=_engine, name=a.name, guess=a.guess, device=a.device, lifetime=a.lifetime)
    def log_in_from_device(self, engine: int, name: int, guess: Any, device: Any, lifetime: int) -> None:
        self._log_in(engine, name=name, guess=guess, device=device, lifetime=lifetime)

    @rule(engine=_engine, name=a.name, guess=a.guess, previous=a.session_token, carry=a.flag, lifetime=a.lifetime)
    def log_in_again(self, engine: int, name: int, guess: Any, previous: Any, carry: bool, lifetime: int) -> None:
        self._log_in(engine, name=name, guess=guess, previous=previous, carry=carry, lifetime=lifetime)

    authenticate = does("Authenticate", token=a.session_token)
    sessions = does("Sessions", name=a.account)
    end_session = does("EndSession", name=a.account, session=a.back, own=a.flag)
    logout = does("Logout", token=a.session_token)
    logout_everywhere = does("LogoutEverywhere", name=a.account, keep=st.none() | a.session_token)
    reauthenticate = does("Reauthenticate", token=a.session_token, guess=a.guess)
    change_password = does("ChangePassword", token=a.session_token, guess=a.guess, new=a.password)
    rotate_session = does("RotateSession", token=a.session_token)

    # Data of the host's.

    open_session = does("OpenSession", data=a.data, lifetime=a.stay)
    session_data = does("SessionData", token=a.session_token)
    update_session_data = does("UpdateSessionData", token=a.session_token, data=a.data, lifetime=a.stay)

    # Tokens.

    @rule(engine=_engine, token=a.session_token, client=a.client, audience=a.audience, scope=a.scope, with_refresh=a.flag)
    def issue(self, engine: int, **chosen: Any) -> None:
        self.do(engine, {"Token": {"Issue": chosen}})

    @rule(
        engine=_engine,
        name=a.name,
        client=a.client,
        audience=a.audience,
        with_refresh=a.seldom(st.just(True), st.just(False), 4),
    )
    def log_in_and_issue(self, engine: int, name: int, **chosen: Any) -> None:
        # Remembered, and granted every scope.
        self._log_in(engine, name=name, guess="Right", lifetime=30)
        token = {"back": 0, "forgery": "None"}
        self.do(engine, {"Token": {"Issue": {"token": token, "scope": None, **chosen}}})

    refresh = does_with_granted(
        "Refresh",
        token=a.refresh_token,
        is_other_client=a.seldom(st.just(False), st.just(True)),
        audience=a.seldom(st.none(), a.audience, 4),
        scope=a.seldom(st.none(), a.byte, 4),
    )

    @precondition(lambda self: bool(self.with_access))
    @rule(engine=_engine, back=a.back, millis=st.integers(0, 4_500))
    def refresh_twice(self, engine: int, back: int, millis: int) -> None:
        """The same token, within the grace or after it."""
        for generations in (0, 1):
            token = {"back": back, "generations": generations, "forgery": "None"}
            given = {"token": token, "is_other_client": False, "audience": None, "scope": None}
            self.do(engine, {"Token": {"Refresh": given}})
            self._move({"Advance": {"millis": millis}})

    verify = does_with_granted(
        "Verify",
        token=a.access_token,
        is_other_audience=a.seldom(st.just(False), st.just(True)),
        remembers=st.just(False),
    )
    introspect = does_with_granted("Introspect", token=a.any_token, audience=st.none() | a.audience)
    revoke = does_with_granted("Revoke", token=a.any_token, is_other_client=a.seldom(st.just(False), st.just(True)))
    keys = does_one_of("keys", a.keys)

    # Upkeep and time.

    @rule(engine=_engine, action=a.ending_all, now=st.integers(0, 4))
    def end_all(self, engine: int, action: Any, now: int) -> None:
        if now == 4:
            self.do(engine, action)

    @rule(engine=_engine)
    def maintain(self, engine: int) -> None:
        self._move({"Maintain": {"engine": self._engine(engine)}})

    @rule(engine=_engine, limit=st.sampled_from([0, 1_000]))
    def purge(self, engine: int, limit: int) -> None:
        self._move({"Purge": {"engine": self._engine(engine), "limit": limit}})

    @precondition(lambda self: self.stores is not None and not self.stores.forgets)
    @rule(engine=_engine)
    def reopen(self, engine: int) -> None:
        self._move({"Reopen": {"engine": self._engine(engine)}})

    @rule(millis=a.millis)
    def advance(self, millis: int) -> None:
        self._move({"Advance": {"millis": millis}})

    @precondition(lambda self: self.host is not None and self.host.now == self.highest)
    @rule(millis=st.integers(1, 3_000))
    def step_back(self, millis: int) -> None:
        """Within what an opening takes for a clock that was set."""
        self._move({"StepBack": {"millis": millis}})

    def teardown(self) -> None:
        """Every token is tried once more, and the engines are closed."""
        try:
            if self.host is not None and not self.failed:
                self._try_all()
        finally:
            if self.host is not None:
                self.host.close()
            if self.stores is not None:
                self.stores.close()

    def _try_all(self) -> None:
        for number in list(self.with_session):
            self._send(0, {"Authenticate": {"token": {"of": number, "forgery": "None"}}})
        for number in list(self.with_access):
            token = {"of": number, "forgery": "None"}
            self._send(0, {"Token": {"Verify": {"token": token, "is_other_audience": False, "remembers": False}}})

    # How it is made.

    def do(self, engine: int, action: Any) -> None:
        """An operation; ``back`` is counted from here."""
        self._send(engine, a.numbered(action, self.made))

    def _log_in(self, engine: int, **chosen: Any) -> None:
        login = {"previous": None, "carry": False, "device": {"shown": "None", "remember": False}} | chosen
        self.do(engine, {"Login": login})

    def _send(self, engine: int, action: Any) -> None:
        number, self.made = self.made, self.made + 1
        self._move({"Do": {"engine": self._engine(engine), "action": action}})
        assert self.host is not None
        given = self.host.given
        if isinstance(given, dict) and "access" in given:
            self.with_access.append(number)
        elif isinstance(given, str) or (isinstance(given, dict) and "session_token" in given):
            self.with_session.append(number)

    def _engine(self, engine: int) -> int:
        assert self.stores is not None
        return engine % self.stores.engines

    def _move(self, move: dict[str, Any]) -> None:
        host = self.host
        assert host is not None
        self.failed = True
        try:
            host.set_time(self.judge.move(move, host.perform))
        except Wrong as wrong:
            calls = "\n".join(host.said[-20:])
            raise Wrong(f"{wrong}\nThe latest calls:\n{calls}") from None
        self.failed = False
        self.met.update(host.done)
        self.highest = max(self.highest, host.now)


def walk(judge: Judge, make_stores: Callable[[], Stores]) -> type[Walk]:
    """Walks through these stores."""
    return type("Walk", (Walk,), {"judge": judge, "make_stores": staticmethod(make_stores), "met": set()})
