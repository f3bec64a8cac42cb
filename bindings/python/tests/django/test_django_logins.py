"""Logins, logouts and what may not come of them, through Django's own middleware."""

from __future__ import annotations

from doorward_project import *  # noqa: F403 - fixtures, and the settings before what needs them

# isort: split

import asyncio
import gc
from typing import Any
from urllib.parse import urlencode

import doorward_site
import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import authenticate, get_user_model, login
from django.contrib.auth.models import Permission
from django.contrib.auth.signals import user_logged_in
from django.core.handlers.asgi import ASGIHandler
from django.test import Client, RequestFactory, override_settings
from doorward_site import PASSWORD, WHO, entered, key_of, whoami

import doorward
from doorward.django import SessionStore, engine, register

BOTH = ["doorward.django.Backend", "django.contrib.auth.backends.ModelBackend"]
User: Any = get_user_model()


def sessions(user: Any) -> list[doorward.Session]:
    return engine().sessions(user.doorward.account)


def test_a_login_is_the_engines_session(ada: Any) -> None:
    client = entered()
    assert whoami(client) == "ada"
    (session,) = sessions(ada)
    assert session.session_id == engine().authenticate(key_of(client)).session_id
    assert session.label == "Firefox"
    assert session.account == ada.doorward.account
    assert not ada.has_usable_password()


def test_the_guests_session_ends_and_its_data_comes_along(ada: Any, client: Client) -> None:
    client.post("/keep", {"cart": "two plums"})
    guest = key_of(client)
    entered(client)
    assert key_of(client) != guest
    assert client.get("/keep").json() == {"cart": "two plums"}
    with pytest.raises(doorward.SessionGone) as gone:
        engine().session_data(guest)
    assert gone.value.reason == "ended", "not only under another key"
    assert len(sessions(ada)) == 1


def test_no_fixation(ada: Any, client: Client) -> None:
    attacker = Client()
    attacker.post("/keep", {"a": "1"})
    client.cookies["sessionid"] = key_of(attacker)
    entered(client)
    assert whoami(attacker) == "nobody"
    client = Client()
    client.cookies["sessionid"] = "x" * 32
    entered(client)
    assert key_of(client) != "x" * 32


def test_a_logout_is_final(ada: Any) -> None:
    client = entered()
    key = key_of(client)
    client.post("/leave")
    assert not sessions(ada)
    with pytest.raises(doorward.SessionGone):
        engine().authenticate(key)
    replay = Client()
    replay.cookies["sessionid"] = key
    assert whoami(replay) == "nobody"


@pytest.mark.parametrize("how", ["leave", "everywhere", "disable", "delete", "password"])
def test_a_request_in_flight_brings_nothing_back(ada: Any, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = entered()
    tab = Client()
    tab.cookies["sessionid"] = key_of(client)
    account = ada.doorward.account
    acts = {
        "leave": lambda: tab.post("/leave"),
        "everywhere": lambda: engine().logout_everywhere(account),
        "disable": lambda: engine().disable(account),
        "delete": lambda: engine().delete_account(account),
        "password": lambda: engine().set_password(account, "nine brass telescopes"),
    }
    monkeypatch.setattr(doorward_site, "meanwhile", [acts[how]])
    assert client.get("/slow").status_code == 400
    assert not sessions(ada)
    assert whoami(client) == "nobody"


def test_everywhere_is_at_once(ada: Any) -> None:
    first, second = entered(), entered()
    engine().logout_everywhere(ada.doorward.account)
    assert [whoami(first), whoami(second)] == ["nobody", "nobody"]


def test_a_disabled_account_and_an_inactive_user_are_out(ada: Any) -> None:
    client = entered()
    engine().disable(ada.doorward.account)
    assert whoami(client) == "nobody"
    assert client.post("/enter", WHO).content == b"Denied"
    engine().enable(ada.doorward.account)
    entered(client)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert whoami(client) == "nobody"
    assert Client().post("/enter", WHO).status_code == 403
    assert len(sessions(ada)) == 1, "the refused login has no session"


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", "wrong"),
        ("bob", PASSWORD),
        ("", PASSWORD),
        ("ada", ""),
        ("ada", "x" * 5000),
        ("a b\0", PASSWORD),
        ("a" * 999, "x"),
    ],
)
def test_a_wrong_login_is_none(ada: Any, name: str, password: str) -> None:
    assert authenticate(None, username=name, password=password) is None
    assert Client().post("/enter", {"name": name, "password": password}).status_code == 403
    assert not sessions(ada)


@pytest.mark.parametrize("odd", [5, None, {"$ne": 1}, ["ada"], b"ada"])
def test_what_is_no_text_is_none(ada: Any, odd: Any) -> None:
    assert authenticate(None, username=odd, password=PASSWORD) is None
    assert authenticate(None, username="ada", password=odd) is None


def test_the_models_own_name_of_the_username(ada: Any) -> None:
    assert authenticate(None, **{User.USERNAME_FIELD: "ada"}, password=PASSWORD) == ada


def test_guesses_are_throttled_and_no_other_backend_goes_on(ada: Any, caplog: pytest.LogCaptureFixture) -> None:
    ada.set_password("django's own")
    ada.save()
    with override_settings(AUTHENTICATION_BACKENDS=BOTH):
        assert authenticate(None, username="ada", password="django's own") == ada, "the engine has only denied it"
        said = [Client().post("/enter", WHO | {"password": f"wrong {i}"}).content for i in range(8)]
        assert said[-1] == b"Throttled"
        assert authenticate(None, username="ada", password="django's own") is None
    assert "too many attempts" in caplog.text
    assert "ada" not in caplog.text


def test_a_compromised_password_does_not_get_in(ada: Any) -> None:
    engine().mark_compromised(ada.doorward.account)
    assert Client().post("/enter", WHO).content == b"MustChange"
    engine().set_password(ada.doorward.account, "nine brass telescopes")
    assert Client().post("/enter", WHO | {"password": "nine brass telescopes"}).content == b"ada"


def test_a_full_account_does_not_get_in() -> None:
    cap = {"STORE": "memory:", "POLICY": {"session_cap": {"most": 1, "when_full": "refuse"}}}
    with override_settings(DOORWARD=cap):
        register("ada", PASSWORD)
        entered()
        assert Client().post("/enter", WHO).content == b"Refused"


@pytest.mark.parametrize("error", [doorward.Busy("no room"), doorward.StoreError("disk"), doorward.InternalError("bug")])
def test_a_failure_is_raised(ada: Any, error: doorward.Error, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(doorward.Engine, "login", fails)
    with pytest.raises(type(error)):
        authenticate(None, username="ada", password=PASSWORD)


def test_a_refusal_keeps_no_password(ada: Any) -> None:
    request = RequestFactory().post("/")
    assert authenticate(request, username="ada", password="wrong") is None
    refusal = request.doorward_refusal  # type: ignore[attr-defined]
    assert isinstance(refusal, doorward.Denied)
    assert refusal.__traceback__ is None
    assert refusal.__context__ is None


# Logins that nobody takes.


def test_a_password_that_is_only_checked_leaves_no_session(ada: Any) -> None:
    assert Client().post("/basic", WHO).content == b"ada"
    assert not sessions(ada)
    client = entered()
    assert client.post("/basic", WHO).content == b"ada"
    assert whoami(client) == "ada", "and ends none"
    assert len(sessions(ada)) == 1


def test_an_answer_of_500_leaves_no_session(ada: Any, client: Client) -> None:
    assert client.post("/enter", WHO | {"fail": "1"}).status_code == 500
    assert "sessionid" not in client.cookies
    assert not sessions(ada)


@pytest.mark.parametrize(("path", "more"), [("/basic", {}), ("/aenter", {"only": "1"}), ("/enter", {"fail": "1"})])
def test_under_asgi_nothing_is_left_either(ada: Any, path: str, more: dict[str, str]) -> None:
    """An API that asks for the password with each request left a session with each, until the garbage collector came: ASGI's
    handler says that a request is finished in another context than the view's."""
    who = urlencode(WHO | more).encode()

    async def ask() -> int:
        messages: list[Any] = [{"type": "http.request", "body": who}]
        answer: list[Any] = []

        async def receive() -> Any:
            return messages.pop() if messages else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            answer.append(message)

        form = (b"content-type", b"application/x-www-form-urlencoded")
        headers = [form, (b"host", b"testserver"), (b"content-length", str(len(who)).encode())]
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
        await ASGIHandler()(scope, receive, send)
        return int(answer[0]["status"])

    gc.disable()
    try:
        assert async_to_sync(ask)() == (500 if "fail" in more else 200)
        assert not sessions(ada)
    finally:
        gc.enable()


def test_a_process_ends_with_logins_that_nobody_took_in_silence(ada: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Each ``manage.py shell`` in which a password was checked ended with a warning that the engine is closed."""
    user = authenticate(username="ada", password=PASSWORD)
    assert user is not None
    doorward.django.close()
    del user
    gc.collect()
    assert not caplog.text


def test_without_a_request_the_user_object_keeps_it(ada: Any) -> None:
    user = authenticate(username="ada", password=PASSWORD)
    assert user == ada
    assert len(sessions(ada)) == 1
    del user
    gc.collect()
    assert not sessions(ada)


def test_the_test_clients_own_login(ada: Any, client: Client) -> None:
    assert client.login(username="ada", password=PASSWORD)
    assert whoami(client) == "ada"
    assert engine().authenticate(key_of(client)).account == ada.doorward.account
    client.logout()
    assert not sessions(ada)
    assert not client.login(username="ada", password="wrong")


def test_a_login_that_the_engine_has_not_seen_is_refused(ada: Any, client: Client) -> None:
    with pytest.raises(doorward.Misuse, match="authenticate"):
        client.force_login(ada)
    root = User.objects.create_superuser("root", password=PASSWORD)
    with pytest.raises(doorward.Misuse):
        client.force_login(root)
    entered(client)
    request = request_with(key_of(client))
    with pytest.raises(doorward.Misuse):
        login(request, register("bob", PASSWORD))
    assert not engine().sessions(ada.doorward.account), "as Django does, another's session is flushed"


def request_with(key: str | None = None) -> Any:
    request: Any = RequestFactory().get("/")
    request.session = SessionStore(key)
    return request


def test_a_password_vouches_for_its_own_user_once(ada: Any) -> None:
    bob = register("bob", PASSWORD)
    user: Any = authenticate(request_with(), username="ada", password=PASSWORD)
    request = request_with()
    with pytest.raises(doorward.Misuse):
        login(request, bob)
    assert request.session.is_empty(), "who catches that has no login left to save"
    login(request_with(), user)
    with pytest.raises(doorward.Misuse):
        login(request_with(), user)
    # The engine's session of one, Django's login of another.
    key = engine().login("ada", PASSWORD).session_token
    with pytest.raises(doorward.Misuse):
        login(request_with(key), bob)


def test_a_login_opens_no_guests_session(ada: Any) -> None:
    with override_settings(DOORWARD={"STORE": "memory:", "EVENTS": 100}):
        register("bob", PASSWORD)
        Client().post("/enter", WHO | {"name": "bob"})
        done = [event.operation for event in engine().events() if "session" in event.operation or "log" in event.operation]
        assert done == ["login", "update_session_data"]


def test_another_backend_may_vouch_for_a_login(ada: Any, client: Client) -> None:
    with override_settings(AUTHENTICATION_BACKENDS=BOTH):
        client.force_login(ada, backend=BOTH[1])
        assert whoami(client) == "ada"
        key = key_of(client)
        client.post("/leave")
        client.cookies["sessionid"] = key
        assert whoami(client) == "nobody"


def test_a_login_that_is_no_sessions_is_none_of_its_affairs(ada: Any) -> None:
    """An API whose package for tokens sends ``user_logged_in`` itself, as django-rest-knox does, answered each of its logins
    with a 500: the session that it has none of has no backend."""
    guest = request_with()
    for request in (None, RequestFactory().post("/"), guest):
        user_logged_in.send(User, request=request, user=ada)
    assert guest.session.is_empty()


def test_logging_in_again(ada: Any) -> None:
    client = entered()
    client.post("/keep", {"a": "1"})
    first = key_of(client)
    entered(client)
    assert key_of(client) != first
    assert len(sessions(ada)) == 1
    assert client.get("/keep").json() == {"a": "1"}
    register("bob", PASSWORD)
    assert client.post("/enter", WHO | {"name": "bob"}).content == b"bob"
    assert client.get("/keep").json() == {}, "another person's data is not taken along"
    assert not sessions(ada)


def test_a_login_of_who_is_logged_in_goes_on(ada: Any) -> None:
    client = entered()
    request = request_with(key_of(client))
    login(request, ada)
    request.session.save()
    assert whoami(client) == "ada"


def test_a_key_that_changes_before_it_is_saved(ada: Any) -> None:
    request = request_with()
    user = authenticate(request, username="ada", password=PASSWORD)
    login(request, user)
    request.session.cycle_key()
    request.session.save()
    del user
    gc.collect()
    assert engine().authenticate(request.session.session_key or "").account == ada.doorward.account
    request = request_with()
    login(request, authenticate(request, username="ada", password=PASSWORD))
    request.session.flush()
    request.session["guest"] = 1
    request.session.save()
    request.session.cycle_key()
    gc.collect()
    whoami(Client())  # a request is finished
    assert SessionStore(request.session.session_key)["guest"] == 1
    assert len(sessions(ada)) == 1


def test_a_key_that_changes_and_is_never_saved(ada: Any) -> None:
    request = request_with()
    login(request, authenticate(request, username="ada", password=PASSWORD))
    request.session.cycle_key()
    assert len(sessions(ada)) == 1
    whoami(Client())  # a request is finished
    assert not sessions(ada)


def test_a_login_that_fails_leaves_the_guest_a_guest(ada: Any, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view answered a ``StoreError`` of ``login()`` by itself. By then Django's part of the login was in the guest's session,
    and it was saved there: somebody was logged in whom ``logout_everywhere`` and ``disable`` did not log out."""

    def fails(*_: Any, **__: Any) -> Any:
        raise doorward.StoreError("the disk is full")

    client.post("/keep", {"cart": "two plums"})
    request = request_with(key_of(client))
    user = authenticate(request, username="ada", password=PASSWORD)
    with monkeypatch.context() as patched:
        patched.setattr(doorward.Engine, "logout", fails)
        with pytest.raises(doorward.StoreError):
            login(request, user)
    request.session.save()
    client.cookies["sessionid"] = request.session.session_key or ""
    assert whoami(client) == "nobody"
    assert client.get("/keep").json() == {"cart": "two plums"}
    entered(client)
    engine().logout_everywhere(ada.doorward.account)
    assert whoami(client) == "nobody"


# Passwords, the admin, permissions.


def test_a_password_change(ada: Any) -> None:
    client, other = entered(), entered()
    before = key_of(client)
    wrong = client.post("/change", {"current": "wrong", "new": "nine brass telescopes"})
    assert (wrong.status_code, wrong.content) == (401, b"Denied")
    assert client.post("/change", {"current": PASSWORD, "new": "short"}).content == b"WeakPassword"
    assert client.post("/change", {"current": PASSWORD, "new": "nine brass telescopes"}).status_code == 200
    assert key_of(client) != before
    assert [whoami(client), whoami(other)] == ["ada", "nobody"]
    assert other.post("/change", {"current": PASSWORD, "new": "nine brass telescopes"}).content == b"SessionGone"
    assert Client().post("/enter", WHO).content == b"Denied"
    assert Client().post("/enter", WHO | {"password": "nine brass telescopes"}).content == b"ada"


def test_a_proof_of_the_password(ada: Any) -> None:
    client = entered()
    before = key_of(client)
    assert client.post("/confirm", {"password": PASSWORD}).status_code == 200
    assert key_of(client) != before
    assert whoami(client) == "ada"


def test_the_admin(client: Client) -> None:
    register("chief", PASSWORD, is_staff=True, is_superuser=True)
    register("ada", PASSWORD)
    form = {"username": "ada", "password": PASSWORD, "next": "/admin/"}
    assert b"errornote" in client.post("/admin/login/", form).content
    assert not sessions(User.objects.get(username="ada"))
    answer = client.post("/admin/login/", form | {"username": "chief"}, follow=True)
    assert b"Site administration" in answer.content
    assert client.post("/admin/logout/").status_code == 200
    assert client.get("/admin/").status_code == 302


def test_permissions_are_djangos(ada: Any) -> None:
    user = authenticate(None, username="ada", password=PASSWORD)
    assert user is not None
    assert not user.has_perm("auth.view_user")
    ada.user_permissions.add(Permission.objects.get(codename="view_user"))
    assert User.objects.get(pk=ada.pk).has_perm("auth.view_user")


@pytest.mark.parametrize("said", ["", "localhost", "<local>", "unix:"])
def test_behind_a_unix_socket_clients_have_no_address(ada: Any, said: str) -> None:
    """Under waitress on a Unix socket, whose ``REMOTE_ADDR`` is ``localhost``, every login was a 500: that is no IP address."""
    assert Client(REMOTE_ADDR=said).post("/enter", WHO).content == b"ada"


def test_sources_are_told_apart(ada: Any) -> None:
    bucket = {"size": 3, "refill_ms": 3_600_000}
    policy = {"sources": {"guesses": bucket, "registrations": bucket, "most_sources": 10}}
    with override_settings(DOORWARD={"STORE": "memory:", "POLICY": policy, "EVENTS": 10}):
        for i in range(3):
            assert Client(REMOTE_ADDR="192.0.2.1").post("/enter", WHO | {"name": f"n{i}"}).content == b"Denied"
        assert Client(REMOTE_ADDR="192.0.2.1").post("/enter", WHO | {"name": "n9"}).content == b"Throttled"
        assert Client(REMOTE_ADDR="192.0.2.2").post("/enter", WHO | {"name": "n9"}).content == b"Denied"
        assert engine().events()[-1].source == "192.0.2.2"
