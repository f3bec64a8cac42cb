"""Logins and logouts of the extension."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask, session
from flask.testing import FlaskClient

from doorward import Denied, Error, SessionGone

from .shop import PASSWORD, Make, doorward, log_in, token_of

OTHER = "nine brass telescopes"


def of_a_guest(client: FlaskClient) -> str:
    client.post("/cart", data={"what": "plum"})
    token = token_of(client)
    assert token is not None
    return token


def is_logged_in(app: Flask, token: str | None) -> bool:
    """Whether this cookie, in any browser, is of somebody who is logged in."""
    client = app.test_client()
    client.set_cookie("session", token or "")
    status = client.get("/account").status_code
    assert status in (200, 401)
    return status == 200


# Login.


def test_a_login_gives_another_token_and_takes_the_guests_data_along(app: Flask, client: FlaskClient) -> None:
    guest = of_a_guest(client)
    assert client.get("/account").status_code == 401
    answer = log_in(client)
    assert (answer.status_code, answer.location) == (302, "/")
    assert token_of(client) not in (None, guest)
    seen = client.get("/cart").json
    assert seen is not None
    assert seen["cart"] == ["plum"]
    assert seen["account"] == client.get("/account").text
    assert not is_logged_in(app, guest)
    thief = app.test_client()
    thief.set_cookie("session", guest)
    assert thief.get("/cart").json == {"cart": None, "account": None}


def test_what_the_login_itself_has_changed_goes_along_too(client: FlaskClient) -> None:
    of_a_guest(client)
    log_in(client, cart="pear")
    assert client.get("/cart").json["cart"] == ["pear"]  # type: ignore[index]


def test_a_login_with_a_dead_cookie_takes_nothing_along(app: Flask, client: FlaskClient) -> None:
    guest = of_a_guest(client)
    with app.app_context():
        doorward.engine.logout(guest)
    log_in(client)
    assert client.get("/cart").json["cart"] is None  # type: ignore[index]


def test_a_second_login_of_the_same_person_takes_nothing_of_the_first_along(app: Flask, client: FlaskClient) -> None:
    log_in(client, cart="plum")
    first = token_of(client)
    log_in(client)
    assert client.get("/cart").json["cart"] is None  # type: ignore[index]
    assert not is_logged_in(app, first)
    log_in(client, cart="pear")
    assert client.get("/cart").json["cart"] is None  # type: ignore[index]


def test_somebody_else_is_not_logged_in_over_a_live_session(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        doorward.engine.register("grace", OTHER)
    log_in(client)
    token = token_of(client)
    answer = client.post("/login", data={"name": "grace", "password": OTHER})
    assert (answer.status_code, token_of(client)) == (409, token)
    client.post("/logout")
    assert client.post("/login", data={"name": "grace", "password": OTHER}).status_code == 302


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong kettle orbit"), ("nobody", PASSWORD)])
def test_a_wrong_password_is_a_401_and_changes_nothing(client: FlaskClient, name: str, password: str) -> None:
    guest = of_a_guest(client)
    answer = client.post("/login", data={"name": name, "password": password})
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (401, False)
    assert password not in answer.text
    assert token_of(client) == guest


def test_too_many_guesses_are_a_429_with_a_time(app: Flask, client: FlaskClient) -> None:
    answers = [client.post("/login", data={"name": "ada", "password": f"wrong kettle {n}"}) for n in range(6)]
    last = answers[-1]
    assert [answer.status_code for answer in answers[:5]] == [401] * 5
    assert last.status_code == 429
    assert 1 <= int(last.headers["Retry-After"]) <= 30
    assert log_in(client).status_code == 429


def test_the_source_and_the_label_are_the_requests(make: Make) -> None:
    app = make(DOORWARD_EVENTS=10)
    client = app.test_client()
    with app.app_context():
        account = doorward.engine.register("ada", PASSWORD)
        doorward.engine.events()
        client.environ_base["REMOTE_ADDR"] = "203.0.113.9"
        client.post("/login", data={"name": "ada", "password": PASSWORD}, headers={"User-Agent": "Firefox 140"})
        assert [event.source for event in doorward.engine.events() if event.operation == "login"] == ["203.0.113.9"]
        assert [session.label for session in doorward.engine.sessions(account)] == ["Firefox 140"]


@pytest.mark.parametrize("said", ["", "localhost", "<local>", "unix:"])
def test_behind_a_unix_socket_clients_have_no_address(client: FlaskClient, said: str) -> None:
    """Under waitress on a Unix socket, whose ``REMOTE_ADDR`` is ``localhost``, every login was a 500: that is no IP address."""
    client.environ_base["REMOTE_ADDR"] = said
    assert log_in(client).status_code == 302


def test_a_compromised_password_must_be_changed(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        doorward.engine.mark_compromised(doorward.engine.register("grace", OTHER))
    assert client.post("/login", data={"name": "grace", "password": OTHER}).status_code == 403


@pytest.mark.parametrize(("form", "days"), [({}, None), ({"remember": "on"}, 31)])
def test_remember_me_outlives_the_browser_and_nothing_else_does(make: Make, form: Any, days: int | None) -> None:
    app = make(DOORWARD_CLOCK="manual", DOORWARD_NOW=1_800_000_000_000)
    client = app.test_client()
    with app.app_context():
        account = doorward.engine.register("ada", PASSWORD)
        with client.session_transaction() as guest:
            guest.permanent = True
        log_in(client, **form)
        cookie = client.get_cookie("session")
        assert cookie is not None
        assert cookie.max_age == (days * 86400 if days else None)
        (details,) = doorward.engine.sessions(account)
        assert details.absolute_ends - details.created == (days or 1) * 86_400_000
        client.post("/cart", data={"what": "plum"})
        later = client.get_cookie("session")
        assert later is not None
        assert (later.max_age, later.value) == (cookie.max_age, cookie.value)


def test_clear_before_a_login_is_another_session(app: Flask, client: FlaskClient) -> None:
    @app.post("/swap")
    def swap() -> str:
        session.clear()
        session["cart"] = ["fresh"]
        doorward.login("ada", PASSWORD)
        return "in"

    log_in(client, cart="plum")
    token = token_of(client)
    assert client.post("/swap").status_code == 200
    assert not is_logged_in(app, token)
    assert is_logged_in(app, token_of(client))
    assert client.get("/cart").json["cart"] == ["fresh"]  # type: ignore[index]


# Logout.


def test_a_logout_ends_for_good(app: Flask, client: FlaskClient) -> None:
    log_in(client, cart="plum")
    token = token_of(client)
    assert is_logged_in(app, token)
    access = client.post("/token").json["access_token"]  # type: ignore[index]
    bearer = {"Authorization": f"Bearer {access}"}
    assert client.get("/api/me", headers=bearer).status_code == 200
    answer = client.post("/logout")
    assert answer.headers["Set-Cookie"].startswith("session=; Expires=Thu, 01 Jan 1970")
    assert token_of(client) is None
    assert not is_logged_in(app, token)
    refused = client.get("/api/me", headers=bearer)
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer error=invalid_token")
    assert client.post("/logout").status_code == 200


def test_logout_everywhere_ends_every_session(app: Flask) -> None:
    clients = [app.test_client() for _ in range(3)]
    for client in clients:
        log_in(client)
    tokens = [token_of(client) for client in clients]
    assert clients[0].post("/logout/everywhere").status_code == 200
    assert token_of(clients[0]) is None
    assert not any(is_logged_in(app, token) for token in tokens)
    assert clients[0].post("/logout/everywhere").status_code == 401


def test_logout_everywhere_else_keeps_this_one(app: Flask) -> None:
    clients = [app.test_client() for _ in range(3)]
    for client in clients:
        log_in(client, cart="plum", remember="on")
    tokens = [token_of(client) for client in clients]
    clients[0].post("/logout/everywhere", data={"keep": "on"})
    assert not any(is_logged_in(app, token) for token in tokens)
    assert clients[0].get("/account").status_code == 200
    assert clients[0].get("/cart").json["cart"] == ["plum"]  # type: ignore[index]
    cookie = clients[0].get_cookie("session")
    assert cookie is not None
    assert cookie.max_age is not None


@pytest.mark.parametrize(("path", "form"), [("/password", {"new": OTHER}), ("/again", {"password": PASSWORD})])
def test_what_gives_the_session_another_token_tells_the_client(app: Flask, client: FlaskClient, path: str, form: Any) -> None:
    log_in(client, cart="plum")
    token = token_of(client)
    assert client.post(path, data=form).status_code == 200
    assert not is_logged_in(app, token)
    assert is_logged_in(app, token_of(client))
    assert client.get("/cart").json["cart"] == ["plum"]  # type: ignore[index]
    client.post("/logout")
    assert client.post(path, data=form).status_code == 401


def test_a_guests_token_changes_where_rights_are_noted_and_the_former_one_is_dead(app: Flask) -> None:
    @app.post("/second-factor")
    def second_factor() -> str:
        session["elevated"] = True
        doorward.rotate()
        return str(session["elevated"])

    client = app.test_client()
    assert client.post("/second-factor").status_code == 401  # nothing to rotate
    former = of_a_guest(client)
    assert client.post("/second-factor").text == "True"
    now = token_of(client)
    assert now is not None
    with app.app_context():
        kept = doorward.engine.session_data(now)
        assert b"elevated" in kept.data
        with pytest.raises(SessionGone):
            doorward.engine.session_data(former)


def test_a_password_proven_again_is_seen_in_the_same_request(make: Make) -> None:
    app = make(DOORWARD_CLOCK="manual")
    with app.test_request_context():
        doorward.register("ada", PASSWORD)
        doorward.login("ada", PASSWORD)
        doorward.engine.set_time(900_000)
        session["cart"] = ["plum"]
        doorward.reauthenticate(PASSWORD)
        assert doorward.current is not None
        assert doorward.current.auth_time == 900_000
        assert session["cart"] == ["plum"]


# Who is it?


def test_whose_session_it_is_comes_from_the_store_in_each_request(app: Flask, client: FlaskClient) -> None:
    log_in(client)
    account = client.get("/account").text
    with app.app_context():
        doorward.engine.disable(account)
    assert client.get("/account").status_code == 401
    assert client.get("/cart").json == {"cart": None, "account": None}


def test_within_a_request_it_is_the_one_that_was_just_logged_in(app: Flask) -> None:
    with app.test_request_context():
        assert doorward.current is None
        login = doorward.login("ada", PASSWORD)
        assert doorward.current_account == login.account
        assert doorward.current is not None
        assert doorward.current.fresh(60)
        doorward.logout()
        assert doorward.current_account is None
        with pytest.raises(SessionGone):
            doorward.issue()
        with pytest.raises(Denied):
            doorward.login("ada", "wrong kettle orbit")


def test_who_is_not_logged_in_is_sent_to_the_login_and_back(make: Make) -> None:
    app = make(DOORWARD_LOGIN_VIEW="login")
    client = app.test_client()
    with app.app_context():
        doorward.engine.register("ada", PASSWORD)
    asked = client.get("/account?tab=2&q=%C3%A4")
    assert (asked.status_code, asked.location) == (303, "/login?next=/account?tab%3D2%26q%3D%25C3%25A4")
    back = client.post(asked.location, data={"name": "ada", "password": PASSWORD})
    assert (back.status_code, back.location) == (302, "/account?tab=2&q=%C3%A4")
    client.post("/logout")
    assert client.post("/token").location == "/login"


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "/\\evil.example", "/%2fevil.example", "javascript:alert(1)", "evil"]
)
def test_a_login_sends_nobody_to_another_site(client: FlaskClient, target: str) -> None:
    assert log_in(client, next=target).location == "/"
    client.post("/logout")
    assert client.post(f"/login?next={target}", data={"name": "ada", "password": PASSWORD}).location == "/"


def test_templates_may_ask(app: Flask, client: FlaskClient) -> None:
    from flask import render_template_string

    with app.test_request_context():
        assert render_template_string("{{ doorward.current_account }}") == "None"
        doorward.login("ada", PASSWORD)
        assert render_template_string("{{ doorward.current_account }}") == doorward.current_account


def test_registration_goes_by_the_extension_too(app: Flask) -> None:
    with app.test_request_context(environ_base={"REMOTE_ADDR": "203.0.113.9"}):
        account = doorward.register("grace", OTHER)
        assert doorward.login("grace", OTHER).account == account
        with pytest.raises(Error, match="taken"):
            doorward.register("Grace", OTHER)


def test_logins_and_logouts_in_threads(app: Flask) -> None:
    def story(number: int) -> bool:
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"203.0.113.{number}"
        client.post("/cart", data={"what": str(number)})
        for _ in range(2):
            assert log_in(client).status_code == 302
            assert client.get("/cart").json["account"] is not None  # type: ignore[index]
            token = token_of(client)
            client.post("/logout")
            assert not is_logged_in(app, token)
        return True

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(story, range(12)))
