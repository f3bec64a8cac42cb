"""The session store, beyond what Django's own tests ask."""

from __future__ import annotations

from doorward_project import *  # noqa: F403 - fixtures, and the settings before what needs them

# isort: split

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.management import call_command
from django.test import AsyncClient, Client, override_settings
from django.views.debug import ExceptionReporter
from doorward_site import PASSWORD, entered, key_of, whoami

import doorward
from doorward.django import Backend, SessionStore, engine

DAY = 24 * 3600


@pytest.fixture
def doorward_settings() -> dict[str, Any]:
    return {"STORE": "memory:", "CLOCK": "manual"}


def kept(**data: Any) -> SessionStore:
    store = SessionStore()
    store.update(data)
    store.save()
    return store


def later(seconds: float) -> None:
    engine().set_time(engine().now() + int(seconds * 1000))


def lives(store: SessionStore) -> bool:
    return SessionStore(store.session_key).exists(store.session_key)


def test_the_engine_makes_every_key() -> None:
    store = kept(a=1)
    assert store.session_key is not None
    assert engine().session_data(store.session_key).session.account is None
    store.cycle_key()
    assert store.session_key.startswith("dws_")


@pytest.mark.parametrize("key", ["chosen-by-an-attacker", "dws_" + "A" * 92, "x" * 5000, "k\0\udce4y of a client"])
def test_a_key_that_a_client_brings_is_never_adopted(key: str) -> None:
    with pytest.raises(CreateError):
        SessionStore(key).save(must_create=True)
    with pytest.raises(UpdateError):
        SessionStore(key).save()
    store = SessionStore(key)
    store["a"] = 1
    store.save()
    assert store.session_key != key
    store = SessionStore(key)
    store.cycle_key()
    assert store.session_key != key
    assert not SessionStore(key).exists(key)


def test_the_former_key_is_dead_and_the_data_is_the_same() -> None:
    store = kept(a=1)
    before = store.session_key
    assert before is not None
    session = engine().session_data(before).session.session_id
    store.cycle_key()
    assert store.session_key is not None
    assert engine().session_data(store.session_key).session.session_id == session, "the same session, under another key"
    with pytest.raises(doorward.SessionGone) as gone:
        engine().session_data(before)
    assert gone.value.reason == "replaced"
    assert SessionStore(store.session_key)["a"] == 1
    stale = SessionStore(before)
    assert dict(stale.items()) == {}
    assert stale.session_key is None


def test_what_has_ended_is_brought_back_by_nothing() -> None:
    for act in (SessionStore.save, SessionStore.cycle_key):
        store = kept(a=1)
        SessionStore(store.session_key).flush()
        store["a"] = 2
        with pytest.raises(UpdateError) as ended:
            act(store)
        assert isinstance(ended.value, SessionInterrupted), "an answer of 400, wherever it is raised"
        assert not lives(store)


def test_cleared_without_being_loaded_is_saved() -> None:
    store = SessionStore(kept(a=1).session_key)
    store.clear()
    store["b"] = 2
    store.save()
    assert dict(SessionStore(store.session_key).items()) == {"b": 2}


def test_a_login_cleared_without_being_loaded_is_saved(ada: Any) -> None:
    store = SessionStore(engine().login("ada", PASSWORD).session_token)
    store.clear()
    store["b"] = 2
    store.save()
    assert dict(SessionStore(store.session_key).items()) == {"b": 2}


@pytest.mark.parametrize("expiry", [100, timedelta(seconds=100)])
def test_an_expiry_of_a_login(ada: Any, expiry: Any) -> None:
    store = SessionStore(engine().login("ada", PASSWORD).session_token)
    store.set_expiry(expiry)
    store.save()
    (session,) = engine().sessions(ada.doorward.account)
    if isinstance(expiry, timedelta):
        assert 95_000 < session.absolute_ends - engine().now() <= 100_000, "the engine knows a date"
    later(95)
    assert lives(store)
    assert SessionStore(store.session_key).account == ada.doorward.account
    later(6)
    after = SessionStore(store.session_key)
    assert (after.account, after.session_key) == (None, None)
    assert not engine().sessions(ada.doorward.account), "ended, not only hidden"


def test_it_lives_for_the_cookies_age_from_its_last_save() -> None:
    with override_settings(SESSION_COOKIE_AGE=DAY):
        store = kept(a=1)
        later(DAY - 60)
        assert SessionStore(store.session_key)["a"] == 1
        store.save()
        later(DAY - 60)
        assert SessionStore(store.session_key)["a"] == 1
        later(60)
        assert "a" not in SessionStore(store.session_key)
        assert not lives(store)


@pytest.mark.parametrize("expiry", [100, timedelta(seconds=100)])
def test_an_expiry_of_its_own(expiry: Any) -> None:
    store = SessionStore()
    store.set_expiry(expiry)
    store.save()
    later(95)
    assert lives(store)
    later(6)
    assert not lives(store)


def test_seconds_count_from_each_save() -> None:
    store = SessionStore()
    store.set_expiry(100)
    for _ in range(5):
        store.save()
        later(95)
    assert lives(store)


@pytest.mark.parametrize("seconds", [-1, -DAY])
def test_an_expiry_in_the_past_ends_it(seconds: int) -> None:
    store = kept(a=1)
    store.set_expiry(seconds)
    store.save()
    assert not lives(store)
    store = SessionStore()
    store.set_expiry(seconds)
    store.save()
    assert store.session_key is not None
    assert not lives(store)


def test_no_guest_lives_longer_than_the_policy_says() -> None:
    store = SessionStore()
    store.set_expiry(300 * DAY)
    for _ in range(3):
        store.save()
        later(10 * DAY - 1)
        assert lives(store)
    later(5)
    assert not lives(store)
    with pytest.raises(UpdateError):
        store.save()


def test_the_projects_policy_goes_first() -> None:
    spans = {"idle_ms": 1000 * 600, "absolute_ms": 1000 * 1200}
    for policy in (
        {"sessions": {"anonymous": spans}},
        '{"sessions": {"anonymous": {"idle_ms": 600000, "absolute_ms": 1200000}}}',
    ):
        with override_settings(DOORWARD={"STORE": "memory:", "POLICY": policy}):
            sessions = engine().policy()["sessions"]
            assert sessions["anonymous"] == spans
            assert sessions["web"] == {"idle_ms": 1000 * 14 * DAY, "absolute_ms": 1000 * 30 * DAY}
            kept(a=1)


@pytest.mark.parametrize("age", [1, 90, 1200 * DAY])
def test_every_cookie_age_makes_a_policy(age: int) -> None:
    with override_settings(SESSION_COOKIE_AGE=age, DOORWARD={"STORE": "memory:"}):
        kept(a=1)
        assert engine().policy()["sessions"]["web"]["idle_ms"] == min(age, 400 * DAY) * 1000


def test_clearsessions_purges() -> None:
    with override_settings(SESSION_COOKIE_AGE=60):
        kept(a=1)
        assert engine().purge() == 0
        later(DAY)
        call_command("clearsessions")
        assert engine().purge() == 0, "nothing is left to purge"
        kept(a=1)
    later(DAY)
    assert engine().purge() > 0, "where nobody has cleared, there is"


def test_what_another_guest_kept_is_no_login(client: Client) -> None:
    """A login by Django's own backend is kept in a guest's session, and its signature did not say whose. Who could write into
    the store copied what an administrator's session kept into the row of their own, and was the administrator."""
    backends = ["doorward.django.Backend", "django.contrib.auth.backends.ModelBackend"]
    get_user_model()._default_manager.create_superuser("root", password="nine brass telescopes")
    with override_settings(AUTHENTICATION_BACKENDS=backends):
        assert client.login(username="root", password="nine brass telescopes")
        assert whoami(client) == "root"
        other = Client()
        other.post("/keep", {"cart": "two plums"})
        stolen = engine().session_data(key_of(client)).data
        engine().update_session_data(key_of(other), stolen)
        assert whoami(other) == "nobody"
        assert other.get("/keep").json() == {}
        other.post("/keep", {"cart": "a pear"})
        assert other.get("/keep").json() == {"cart": "a pear"}
        assert whoami(client) == "root"


def test_what_is_kept_says_its_session_under_every_key(ada: Any) -> None:
    """A person's session that was cleared before it was read, and then given another key, was written as a guest's, and what it
    kept was lost. What is kept names its session and its account, or it is not taken: also where the session has just begun, or
    has become a login's."""

    def named(store: SessionStore) -> bool:
        live = engine().session_data(store.session_key or "")
        record = store.decode(live.data.decode())
        return (record["session"], record["account"]) == (live.session.session_id, live.session.account)

    store = kept(a=1)
    assert named(store)
    store.cycle_key()
    store.save()
    assert named(store)
    for begin in (lambda: kept(a=1).session_key, lambda: engine().login("ada", PASSWORD).session_token):
        for is_loaded in (True, False):
            store = SessionStore(begin())
            if is_loaded:
                store.load()
            store.clear()
            store["b"] = 2
            store.cycle_key()
            store.save()
            assert named(store)
            assert SessionStore(store.session_key)["b"] == 2
    browser = Client()
    browser.post("/keep", {"cart": "two plums"})
    entered(browser)
    store = SessionStore(key_of(browser))
    assert (store["cart"], store.account) == ("two plums", ada.doorward.account)
    assert named(store)


def test_what_names_no_session_is_empty() -> None:
    """What was written before it named its session, is signed all the same: it may be another session's, and is not taken."""
    store = kept(a=1)
    record = store.encode({"data": {"a": 2}, "until": engine().now() + 1000 * DAY, "account": None})
    engine().update_session_data(store.session_key or "", record.encode())
    assert dict(SessionStore(store.session_key).items()) == {}


@pytest.mark.parametrize("cause", ["size", "store"])
def test_of_a_session_that_cannot_be_created_nothing_is_left(monkeypatch: pytest.MonkeyPatch, cause: str) -> None:
    """A session would have been left behind, empty, with a key that nobody has: what it keeps names it, and so is written after
    it has begun. Where that fails, it ends, too."""
    begun: list[str] = []
    begin = doorward.Engine.open_session

    def remembered(*given: Any, **named: Any) -> str:
        begun.append(begin(*given, **named))
        return begun[0]

    def fails(*_: Any, **__: Any) -> Any:
        raise doorward.StoreError("the disk is full")

    monkeypatch.setattr(doorward.Engine, "open_session", remembered)
    if cause == "store":
        monkeypatch.setattr(doorward.Engine, "update_session_data", fails)
    store = SessionStore()
    store["a"] = [i * i for i in range(100_000 if cause == "size" else 1)]
    with pytest.raises(doorward.Refused if cause == "size" else doorward.StoreError):
        store.save()
    assert store.session_key is None
    assert len(begun) == 1
    with pytest.raises(doorward.SessionGone, match="ended"):
        engine().session_data(begun[0])
    store["a"] = 1
    monkeypatch.undo()
    store.save()
    assert SessionStore(store.session_key)["a"] == 1


def test_what_another_session_kept_is_no_login(ada: Any) -> None:
    login = engine().login("ada", PASSWORD)
    guest = kept(_auth_user_id="1")
    # As who writes into the store could do.
    stolen = engine().session_data(guest.session_key or "").data
    engine().update_session_data(login.session_token, stolen)
    assert dict(SessionStore(login.session_token).items()) == {}


def test_data_that_was_not_signed_is_empty_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    for forged in (b'{"_auth_user_id": "1"}', b"\xff\xfe", b"a:b:c"):
        store = kept(a=1)
        engine().update_session_data(store.session_key or "", forged)
        assert dict(SessionStore(store.session_key).items()) == {}
    assert {record.name for record in caplog.records} == {"django.security.SuspiciousSession"}
    assert len(caplog.records) == 3


def test_a_failing_store_is_no_missing_session(monkeypatch: pytest.MonkeyPatch) -> None:
    store = kept(a=1)
    key = store.session_key
    assert key is not None

    def fails(*_: Any, **__: Any) -> Any:
        raise doorward.StoreError("the disk is full")

    for method in ("session_data", "update_session_data", "rotate_session", "logout", "open_session"):
        monkeypatch.setattr(doorward.Engine, method, fails)
    acts: list[Any] = [
        lambda: SessionStore(key).load(),
        lambda: SessionStore(key).get("a"),
        lambda: SessionStore(key).exists(key),
        lambda: SessionStore(key).save(),
        lambda: SessionStore(key).delete(),
        lambda: SessionStore(key).flush(),
        lambda: SessionStore(key).cycle_key(),
        lambda: SessionStore().create(),
        store.save,
        store.cycle_key,
        store.delete,
    ]
    for act in acts:
        with pytest.raises(doorward.StoreError):
            act()
    monkeypatch.undo()
    assert lives(store)
    assert store.session_key == key


def test_many_requests_that_save_one_session_at_once_are_all_answered(tmp_path: Any) -> None:
    """A page whose eight requests each saved the session had one of them answered with 500: the others had kept changing its
    rows."""
    names = [str(number) for number in range(8)]

    def visit(name: str) -> None:
        for turn in range(25):
            mine = SessionStore(key)
            mine[name] = turn
            mine.save()

    file = {"STORE": f"sqlite:{tmp_path}/store.db", "KEY_FILE": tmp_path / "key", "CREATE_KEY_FILE": True}
    with override_settings(DOORWARD=file):
        key = kept(a=1).session_key
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(visit, names)) == [None] * 8


def test_too_much_data_is_refused_and_nothing_is_lost() -> None:
    store = kept(a=1)
    store["b"] = [i * i for i in range(100_000)]
    with pytest.raises(doorward.Refused):
        store.save()
    assert dict(SessionStore(store.session_key).items()) == {"a": 1}


def test_no_report_shows_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Django mails an error's local variables to ADMINS."""
    store = kept(a=1)
    key = store.session_key or ""

    def fails(self: Any, session_token: str, *_: Any) -> Any:
        token = session_token
        raise doorward.StoreError(f"of {len(token)} bytes")

    for method in ("session_data", "update_session_data", "rotate_session", "logout"):
        monkeypatch.setattr(doorward.Engine, method, fails)
    for act in (
        lambda: SessionStore(key).load(),
        lambda: store.exists(key),
        store.save,
        store.delete,
        store.cycle_key,
    ):
        try:
            act()
        except doorward.StoreError:
            _, error, trace = sys.exc_info()
        # The caller's own frame knows the key.
        assert trace is not None
        assert trace.tb_next is not None
        report = ExceptionReporter(None, doorward.StoreError, error, trace.tb_next.tb_next or trace.tb_next)
        for text in (report.get_traceback_text(), report.get_traceback_html()):
            assert "StoreError" in text
            assert key not in text


def test_no_report_of_an_asynchronous_view_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an asynchronous login that the store failed, the report to ADMINS had the password: asgiref hands arguments on in
    functions whose variables are shown."""
    password = " ".join(("seven", "copper", "lanterns"))  # reports show lines of source, too
    key = kept(a=1).session_key or ""

    def fails(*_: Any) -> Any:
        raise doorward.StoreError("the disk is full")

    monkeypatch.setattr(doorward.Engine, "_run", fails)
    for method, given in (
        (Backend().aauthenticate, {"request": None, "username": "ada", "password": password}),
        (SessionStore().aexists, {"session_key": key}),
        (SessionStore().adelete, {"session_key": key}),
        (SessionStore(key).aload, {}),
    ):
        with pytest.raises(doorward.StoreError) as failed:
            async_to_sync(method)(**given)
        trace: Any = failed.tb
        while trace.tb_frame.f_code.co_name != method.__name__:
            trace = trace.tb_next
        report = ExceptionReporter(None, failed.type, failed.value, trace)
        for text in (report.get_traceback_text(), report.get_traceback_html()):
            assert "the disk is full" in text
            assert key not in text
            assert password not in text


def test_the_asynchronous_methods_are_the_same() -> None:
    async def act() -> None:
        store = SessionStore()
        await store.aset("a", 1)
        await store.asave()
        before = store.session_key
        assert before is not None
        session = engine().session_data(before).session.session_id
        await store.acycle_key()
        assert store.session_key not in (None, before)
        assert engine().session_data(store.session_key or "").session.session_id == session, "rotated, not copied"
        assert await SessionStore(store.session_key).aget("a") == 1
        other = SessionStore(store.session_key)
        await other.aflush()
        with pytest.raises(UpdateError):
            await store.asave()

    async_to_sync(act)()


def test_asgi(ada: Any) -> None:
    from doorward.django.models import Account

    who = {"name": "ada", "password": PASSWORD}

    async def act() -> None:
        client = AsyncClient()
        await client.post("/keep", {"cart": "two plums"})
        guest = client.cookies["sessionid"].value
        assert (await client.post("/aenter", who)).content == b"ada"
        key = client.cookies["sessionid"].value
        assert not SessionStore(guest).exists(guest)
        assert engine().authenticate(key).account == ada.doorward.account
        assert (await client.get("/awhoami")).content == b"ada"
        assert (await client.get("/keep")).json() == {"cart": "two plums"}
        link = await Account.objects.aget()
        await link.adelete()
        assert (await client.get("/awhoami")).content == b"nobody"
        await link.asave()
        wrong = await client.post("/aenter", who | {"password": "wrong"})
        assert wrong.status_code == 403
        await AsyncClient().post("/aenter", who | {"only": "1"})
        assert len(engine().sessions(ada.doorward.account)) == 1, "what nobody logged in with has ended"
        await client.get("/aleave")
        assert not engine().sessions(ada.doorward.account)
        client.cookies["sessionid"] = key
        assert (await client.get("/awhoami")).content == b"nobody"

    async_to_sync(act)()
