"""``flask.session``: what it keeps, under which token, and when it is over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, session
from flask.sessions import SessionInterface, SessionMixin
from flask.testing import FlaskClient
from markupsafe import Markup

from doorward import Engine, Misuse, SessionGone
from doorward.flask import ServerSession

from .shop import PASSWORD, SOON, Make, cart, doorward, log_in, put, token_of


def behind(proxy: Any) -> Any:
    return proxy._get_current_object()


# What it keeps.


def test_data_comes_back_with_its_types(app: Flask, client: FlaskClient) -> None:
    values = {
        "tuple": (1, 2),
        "bytes": b"\x00\xff",
        "markup": Markup("<b>"),
        "uuid": UUID(int=7),
        "when": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
        "text": "ä ы",
        "nested": {"a": [1, None, True]},
    }
    with client.session_transaction() as kept:
        kept.update(values)
    with client.session_transaction() as kept:
        assert dict(kept) == values
        assert isinstance(kept["markup"], Markup)


def test_the_cookie_holds_a_token_and_nothing_else(client: FlaskClient) -> None:
    answer = put(client, "two plums")
    token = token_of(client)
    assert answer.headers["Set-Cookie"] == f"session={token}; HttpOnly; Path=/; SameSite=Lax"
    assert token is not None
    assert token.startswith("dws_")
    assert "Cookie" in answer.vary
    assert cart(client) == ["two plums"]


def test_who_keeps_nothing_gets_no_session(app: Flask, client: FlaskClient) -> None:
    for path in ("/", "/cart"):
        assert "Set-Cookie" not in client.get(path).headers
    assert client.post("/cart/empty").headers.get("Set-Cookie") is None


def test_an_unused_session_is_not_read(app: Flask, client: FlaskClient, fail: Any) -> None:
    put(client, "plum")
    fail("session_data", "authenticate")
    answer = client.get("/")
    assert (answer.status_code, "Cookie" in answer.vary) == (200, False)


def test_a_session_that_was_only_read_is_not_written(app: Flask, client: FlaskClient, fail: Any) -> None:
    put(client, "plum")
    fail("update_session_data", "open_session")
    answer = client.get("/cart")
    assert (answer.status_code, "Set-Cookie" in answer.headers, "Cookie" in answer.vary) == (200, False, True)


def test_a_session_that_each_request_makes_permanent_is_written_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """An application that sets ``session.permanent`` before each request, as many do, wrote to the disk with every page that
    anybody looked at."""
    app = make()

    @app.before_request
    def make_permanent() -> None:
        session.permanent = True

    client = app.test_client()
    put(client, "plum")
    writes = []
    write = Engine.update_session_data
    monkeypatch.setattr(Engine, "update_session_data", lambda *given: writes.append(given) or write(*given))
    answer = client.get("/cart")
    assert (answer.status_code, answer.headers.get("Set-Cookie"), writes) == (200, None, [])
    with client.session_transaction() as kept:
        assert kept.permanent
        kept.permanent = False
    assert len(writes) == 1
    with client.session_transaction() as kept:
        assert not kept.permanent


def test_a_change_inside_a_value_is_kept_when_it_is_said(app: Flask, client: FlaskClient) -> None:
    with client.session_transaction() as kept:
        kept["nested"] = {"a": 1}
    for is_said in (False, True):
        with client.session_transaction() as kept:
            kept["nested"]["a"] = 2
            kept.modified = is_said
        with client.session_transaction() as kept:
            assert kept["nested"]["a"] == (2 if is_said else 1)


def test_it_is_flasks_interface(app: Flask, client: FlaskClient) -> None:
    assert app.secret_key is None
    assert isinstance(app.session_interface, SessionInterface)
    with app.test_request_context():
        assert isinstance(session, SessionMixin)
        assert not app.session_interface.is_null_session(behind(session))
        assert session.new
        assert not session.permanent
        assert not session
        session["a"] = 1
        assert session.modified
        assert session.setdefault("a", 2) == 1
        assert {**session} == {"a": 1}
        assert "1" not in repr(behind(session))
    with client.session_transaction() as kept:
        kept["a"] = 1
    with client.session_transaction() as kept:
        assert not kept.new
        assert not kept.modified


def test_clients_without_cookies_are_new_each_time(app: Flask) -> None:
    client = app.test_client(use_cookies=False)
    assert put(client, "plum").status_code == 200
    assert cart(client) is None


def test_a_guests_session_that_is_emptied_ends_and_the_next_one_has_another_token(app: Flask, client: FlaskClient) -> None:
    put(client, "plum")
    token = token_of(client) or ""
    assert client.post("/cart/empty").status_code == 200
    with app.app_context(), pytest.raises(SessionGone, match="ended"):
        doorward.engine.session_data(token)
    assert cart(client) is None
    put(client, "pear")
    assert token_of(client) not in (None, token)
    assert cart(client) == ["pear"]


def test_emptying_a_persons_session_does_not_log_them_out(client: FlaskClient) -> None:
    log_in(client, cart="plum")
    token = token_of(client)
    assert client.post("/cart/empty").status_code == 200
    assert token_of(client) == token
    assert client.get("/account").status_code == 200
    assert cart(client) is None


def test_clear_ends_a_persons_session_for_good(client: FlaskClient) -> None:
    log_in(client)
    token = token_of(client)
    assert client.post("/clear").status_code == 200
    assert token_of(client) is None
    client.set_cookie("session", token or "")
    assert client.get("/account").status_code == 401


def test_what_comes_after_clear_is_kept_under_another_token(client: FlaskClient) -> None:
    log_in(client)
    token = token_of(client)
    client.post("/clear", data={"cart": "pear"})
    other = token_of(client)
    assert other not in (None, token)
    assert client.get("/cart").json == {"cart": "pear", "account": None}


# A token that opens nothing.


@pytest.mark.parametrize("sent", ["mine", "dws_" + "A" * 60, "", "%00", "ä"])
def test_an_id_that_a_client_brings_is_never_adopted(client: FlaskClient, sent: str) -> None:
    bare = client.application.test_client(use_cookies=False)
    answer = bare.get("/cart", headers={"Cookie": f"session={sent}".encode().decode("latin-1")})
    assert answer.json == {"cart": None, "account": None}
    client.set_cookie("session", sent)
    put(client, "plum")
    token = token_of(client)
    assert token not in (None, sent)
    assert token is not None
    assert token.startswith("dws_")


def test_two_cookies_of_the_sessions_name_are_refused(client: FlaskClient) -> None:
    put(client, "plum")
    token = token_of(client)
    other = client.application.test_client(use_cookies=False)
    answer = other.get("/cart", headers={"Cookie": f"session={token}; session=dws_evil"})
    assert answer.status_code == 400
    assert "delete this site&#39;s cookies" in answer.text


def test_a_request_in_flight_does_not_revive_what_another_has_ended(app: Flask, client: FlaskClient) -> None:
    reached = []

    @app.post("/slow")
    def slow() -> str:
        session["cart"] = ["late"]
        token = token_of(client) or ""
        with app.app_context():
            reached.append(doorward.engine.logout(token).ended)
        return "a page for the one who was logged in"

    log_in(client, cart="plum")
    token = token_of(client) or ""
    answer = client.post("/slow")
    assert reached == [True]
    assert answer.status_code == 401
    assert "logged in" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    client.set_cookie("session", token)
    assert client.get("/cart").json == {"cart": None, "account": None}


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/login", {"name": "ada", "password": PASSWORD}),
        ("/again", {"password": PASSWORD}),
        ("/password", {"new": "nine brass telescopes"}),
        ("/logout/everywhere", {"keep": "1"}),
    ],
)
@pytest.mark.parametrize("late", ["GET", "POST"])
def test_a_late_answer_does_not_take_the_next_token_away(client: FlaskClient, path: str, form: Any, late: str) -> None:
    """A page that asks for news while its person logs in, or proves the password, sent the former token. Its answer came after
    that of the login, cleared the cookie, and so logged the person out."""
    if path == "/login":
        put(client, "plum")
    else:
        log_in(client)
    former = token_of(client) or ""
    assert client.post(path, data=form).status_code in (200, 302)
    token = token_of(client)
    assert token not in (None, former)

    other = client.application.test_client(use_cookies=False)
    answer = other.open("/cart", method=late, data={"what": "pear"}, headers={"Cookie": f"session={former}"})
    cookie = answer.headers.get("Set-Cookie", "")
    assert cookie == "" if late == "GET" else cookie.startswith("session=dws_")
    assert client.get("/account").status_code == 200


def test_a_late_answer_in_flight_does_not_take_the_next_token_away(app: Flask, client: FlaskClient) -> None:
    """The same for a request that had read its session before, and writes it afterwards."""

    @app.post("/slow")
    def slow() -> str:
        session["cart"] = ["late"]
        assert client.post("/again", data={"password": PASSWORD}).status_code == 200
        return "slow"

    log_in(client)
    other = app.test_client(use_cookies=False)
    answer = other.post("/slow", headers={"Cookie": f"session={token_of(client)}"})
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (401, None)
    assert client.get("/account").status_code == 200


@pytest.mark.parametrize(
    ("who", "path", "form"),
    [
        ("guest", "/login", {"name": "ada", "password": PASSWORD}),
        ("permanent guest", "/login", {"name": "ada", "password": PASSWORD}),
        ("person", "/login", {"name": "ada", "password": PASSWORD}),
        ("person", "/again", {"password": PASSWORD}),
        ("person", "/password", {"new": "nine brass telescopes"}),
        ("person", "/logout/everywhere", {"keep": "1"}),
    ],
)
def test_a_late_answer_to_a_write_does_not_bring_the_former_token_back(
    app: Flask, client: FlaskClient, who: str, path: str, form: Any
) -> None:
    """A page put something into the cart, and its answer was slow. Meanwhile the person logged in, or proved the password, and
    had the next token. Then the slow answer came: every write set the cookie, this one to the former token, which is dead, and
    the person was logged out."""
    if who == "person":
        log_in(client)
    else:
        with client.session_transaction() as kept:
            kept.update(cart=["plum"], _permanent=who == "permanent guest")
    other = app.test_client(use_cookies=False)
    late = put(other, "pear", headers={"Cookie": f"session={token_of(client)}"})
    assert (late.status_code, cart(client)[-1]) == (200, "pear")
    assert client.post(path, data=form).status_code in (200, 302)
    assert "Set-Cookie" not in late.headers
    assert client.get("/account").status_code == 200


@pytest.mark.parametrize("over", ["revoked", "disabled", "idle", "expired", "purged", "none"])
@pytest.mark.parametrize("path", ["/cart", "/account"])
def test_a_token_that_is_refused_clears_no_cookie(make: Make, over: str, path: str) -> None:
    """A session was ended from another device, or by its time. A page of it that was still asking for news was refused, and the
    person logged in. Then the answer to that page came and cleared the cookie, which was the next login's: this person was
    logged out."""
    hour, now = 3_600_000, 1_800_000_000_000
    app = make(DOORWARD_CLOCK="manual", DOORWARD_NOW=now)
    client = app.test_client()
    with app.app_context():
        account = doorward.engine.register("ada", PASSWORD)
        log_in(client)
        token = "none" if over == "none" else token_of(client)
        if over == "revoked":
            doorward.engine.logout_everywhere(account)
        elif over == "disabled":
            doorward.engine.disable(account)
            doorward.engine.enable(account)
        elif over != "none":
            doorward.engine.set_time(now + (2 if over == "idle" else 25) * hour)
        if over == "purged":
            for days in range(2, 40):
                doorward.engine.set_time(now + days * 24 * hour)
                doorward.engine.purge()
        other = app.test_client(use_cookies=False)
        late = other.get(path, headers={"Cookie": f"session={token}"})
        assert late.status_code == (401 if path == "/account" else 200)
        assert log_in(client).status_code == 302
        assert "Set-Cookie" not in late.headers
        assert client.get("/account").status_code == 200


def test_a_late_answer_that_takes_the_last_thing_out_does_not_clear_the_cookie(app: Flask, client: FlaskClient) -> None:
    """A guest's page showed a message that was kept in the session, and so emptied it. Meanwhile the guest logged in. Then the
    page's answer came, cleared the cookie, and so logged the person out."""
    put(client, "plum")
    other = app.test_client(use_cookies=False)
    late = other.post("/cart/empty", headers={"Cookie": f"session={token_of(client)}"})
    log_in(client)
    assert (late.status_code, late.headers.get("Set-Cookie")) == (200, None)
    assert client.get("/account").status_code == 200


def test_the_cookie_is_set_when_it_is_to_be_kept_for_another_time(client: FlaskClient) -> None:
    for begin in (lambda: put(client, "plum"), lambda: log_in(client)):
        begin()
        token = token_of(client)
        for permanent in (True, False):
            with client.session_transaction() as kept:
                kept.permanent = permanent
            cookie = client.get_cookie("session")
            assert cookie is not None
            assert (cookie.value, cookie.max_age is not None) == (token, permanent)
            assert "Set-Cookie" not in put(client, "pear").headers


def test_of_two_requests_at_once_the_later_one_stands(app: Flask, client: FlaskClient) -> None:
    put(client, "plum")

    def one(number: int) -> int:
        other = app.test_client()
        other.set_cookie("session", token_of(client) or "")
        return int(put(other, str(number)).status_code)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(40))) == {200}
    kept = cart(client)
    assert kept[0] == "plum"
    assert 2 <= len(kept) <= 41


def test_many_clients_in_threads_do_not_see_each_other(app: Flask) -> None:
    def shop(number: int) -> list[str]:
        client = app.test_client()
        for step in range(3):
            put(client, f"{number}.{step}")
        return list(cart(client))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(shop, range(24))) == [[f"{number}.{step}" for step in range(3)] for number in range(24)]


# What cannot be kept.


def test_more_than_is_kept_is_a_413(client: FlaskClient) -> None:
    answer = put(client, "x" * 20_000)
    assert (answer.status_code, token_of(client)) == (413, None)


def test_a_value_that_is_no_json_is_the_applications_bug(app: Flask, client: FlaskClient) -> None:
    @app.get("/bad")
    def bad() -> str:
        session["bad"] = object()
        return "never"

    with pytest.raises(TypeError, match="not JSON serializable"):
        client.get("/bad")
    app.testing, app.config["PROPAGATE_EXCEPTIONS"] = False, False
    assert client.get("/bad").status_code == 500


def test_what_another_program_has_kept_is_not_taken_for_nothing(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        client.set_cookie("session", doorward.engine.open_session(b"\xffnot json"))
    with pytest.raises(Misuse, match="its own store"):
        client.get("/cart")


# How long.


def test_a_cookie_is_the_browsers_sessions_unless_it_is_permanent(make: Make) -> None:
    app = make(PERMANENT_SESSION_LIFETIME=timedelta(days=3), DOORWARD_CLOCK="manual")
    client = app.test_client()
    put(client, "plum")
    assert "Max-Age" not in str(client.get("/").headers)
    with client.session_transaction() as kept:
        kept.permanent = True
    cookie = client.get_cookie("session")
    assert cookie is not None
    assert cookie.max_age == 3 * 86400


@pytest.mark.parametrize(("permanent", "days"), [(False, 1), (True, 3)])
def test_a_guests_session_lives_as_flask_says(make: Make, permanent: bool, days: int) -> None:
    day = 86_400_000
    app = make(PERMANENT_SESSION_LIFETIME=timedelta(days=3), DOORWARD_CLOCK="manual", DOORWARD_NOW=1_800_000_000_000)
    client = app.test_client()
    with client.session_transaction() as kept:
        kept.update(cart=["plum"], _permanent=permanent)
    with app.app_context():
        doorward.engine.set_time(1_800_000_000_000 + days * day - 1)
        assert cart(client) == ["plum"]
        doorward.engine.set_time(1_800_000_000_000 + days * day)
    with app.test_request_context(headers={"Cookie": f"session={token_of(client)}"}):
        assert not session


def test_nothing_outlives_permanent_session_lifetime_but_by_a_policy(make: Make) -> None:
    def sessions(**config: Any) -> Any:
        app = make(**config)
        with app.app_context():
            return doorward.engine.policy()["sessions"]

    hour = 3_600_000
    kept = sessions(PERMANENT_SESSION_LIFETIME=1800)
    for kind in ("web", "remembered", "anonymous"):
        assert kept[kind] == {"absolute_ms": hour // 2, "idle_ms": hour // 2}
    assert sessions(PERMANENT_SESSION_LIFETIME=60)["web"]["idle_ms"] == 60_000
    assert sessions(PERMANENT_SESSION_LIFETIME=timedelta(days=3650))["remembered"]["absolute_ms"] == 400 * 24 * hour
    kept = sessions()
    assert kept["web"] == {"absolute_ms": 24 * hour, "idle_ms": hour}
    assert kept["remembered"] == {"absolute_ms": 31 * 24 * hour, "idle_ms": 7 * 24 * hour}
    own = {"argon2": {"memory_kib": 12288}, "sessions": {"web": {"absolute_ms": 7 * hour}}}
    kept = sessions(PERMANENT_SESSION_LIFETIME=1800, DOORWARD_POLICY=own)
    assert kept["web"] == {"absolute_ms": 7 * hour, "idle_ms": hour // 2}
    assert own["sessions"] == {"web": {"absolute_ms": 7 * hour}}


def test_a_policy_that_gives_guests_less_is_kept_to(make: Make) -> None:
    app = make(DOORWARD_POLICY={"sessions": {"anonymous": {"absolute_ms": 7_200_000}}}, DOORWARD_CLOCK="manual")
    client = app.test_client()
    assert put(client, "plum").status_code == 200
    with client.session_transaction() as kept:
        kept.permanent = True
    cookie = client.get_cookie("session")
    assert cookie is not None
    assert cookie.max_age == 7200


def test_a_guest_whose_session_lives_on_keeps_the_cookie_as_long(make: Make) -> None:
    """A policy may let a guest's session live on with each change. The cookie is set at its beginning alone, and lasts to the
    latest end that the policy allows."""
    day, now = 86_400_000, 1_800_000_000_000
    policy = {**SOON, "sessions": {"anonymous": {"absolute_ms": 9 * day, "idle_ms": 9 * day}}}
    app = make(PERMANENT_SESSION_LIFETIME=timedelta(days=3), DOORWARD_POLICY=policy, DOORWARD_CLOCK="manual", DOORWARD_NOW=now)
    client = app.test_client()
    with client.session_transaction() as kept:
        kept.permanent = True
    cookie = client.get_cookie("session")
    assert cookie is not None
    assert cookie.max_age == 9 * 86400
    with app.app_context():
        for days in (2, 4, 6, 8):
            doorward.engine.set_time(now + days * day)
            assert "Set-Cookie" not in put(client, "plum").headers
        assert len(cart(client)) == 4
        doorward.engine.set_time(now + 9 * day)
        assert cart(client) is None


# The cookie's settings.


def test_the_cookie_is_as_flasks_settings_say(make: Make) -> None:
    settings = {"NAME": "__Secure-s", "DOMAIN": "shop.test", "PATH": "/", "SECURE": True, "SAMESITE": "Strict"}
    app = make(**{f"SESSION_COOKIE_{key}": value for key, value in settings.items()})
    client = app.test_client()
    base = "https://www.shop.test"
    answer = put(client, "plum", base_url=base)
    set_cookie = answer.headers["Set-Cookie"]
    assert set_cookie.startswith("__Secure-s=dws_")
    assert set_cookie.endswith("; Domain=shop.test; Secure; HttpOnly; Path=/; SameSite=Strict")
    cleared = client.post("/clear", base_url=base).headers["Set-Cookie"]
    assert cleared.startswith("__Secure-s=; Domain=shop.test; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0;")
    assert cleared.endswith("; Secure; HttpOnly; Path=/; SameSite=Strict")


def test_a_host_cookie_works_over_tls(make: Make) -> None:
    app = make(SESSION_COOKIE_NAME="__Host-session", SESSION_COOKIE_SECURE=True)
    client = app.test_client()
    put(client, "plum", base_url="https://shop.test")
    assert client.get("/cart", base_url="https://shop.test").json == {"cart": ["plum"], "account": None}


def test_the_session_is_the_extensions(app: Flask) -> None:
    with app.test_request_context():
        assert isinstance(behind(session), ServerSession)
