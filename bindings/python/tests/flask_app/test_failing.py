"""When the store fails: the answer is a 503, and the client keeps the token to try again with."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from flask import Flask, session
from flask.testing import FlaskClient

from doorward import StoreError

from .shop import PASSWORD, cart, doorward, log_in, put, token_of


@pytest.mark.parametrize(
    ("name", "path"), [("session_data", "/cart"), ("update_session_data", "/cart"), ("logout", "/cart/empty")]
)
def test_a_store_that_fails_is_a_503_and_the_cookie_stays(
    client: FlaskClient, fail: Any, name: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    put(client, "plum")
    token = token_of(client)
    fail(name)
    answer = client.post(path, data={"what": "pear"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sdb" not in answer.text
    assert "DW_STORE_RETRYABLE: the disk /dev/sdb is full" in caplog.text
    assert (token or "?") not in caplog.text
    fail()
    assert token_of(client) == token
    assert cart(client) == ["plum"]


def test_a_store_that_fails_is_never_an_anonymous_visitor(client: FlaskClient, fail: Any) -> None:
    log_in(client)
    fail("session_data")
    assert client.get("/account").status_code == 503
    fail()
    assert client.get("/account").status_code == 200


def test_a_first_session_that_cannot_be_stored_is_a_503(client: FlaskClient, fail: Any) -> None:
    fail("open_session")
    answer = put(client, "plum")
    assert (answer.status_code, token_of(client)) == (503, None)


def test_a_test_that_changes_the_session_hears_of_a_failing_store(client: FlaskClient, fail: Any) -> None:
    fail("open_session")
    with pytest.raises(StoreError), client.session_transaction() as kept:
        kept["a"] = 1


def test_clear_that_cannot_be_done_is_a_503_and_the_session_lives(client: FlaskClient, fail: Any) -> None:
    log_in(client)
    token = token_of(client)
    fail("logout")
    assert client.post("/clear").status_code == 503
    fail()
    assert token_of(client) == token
    assert client.get("/account").status_code == 200


def test_the_application_dresses_the_errors(app: Flask, client: FlaskClient, fail: Any) -> None:
    app.register_error_handler(503, lambda error: (f"<h1>soon: {error.code}</h1>", 503))
    fail("open_session")
    assert put(client, "plum").text == "<h1>soon: 503</h1>"


# After session.clear().


def lives(app: Flask, token: str | None) -> bool:
    client = app.test_client()
    client.set_cookie("session", token or "")
    return client.get("/account").status_code == 200


@pytest.mark.parametrize("then", ["logout", "login"])
def test_what_follows_a_clear_that_cannot_be_done_is_not_done_either(
    app: Flask, client: FlaskClient, fail: Any, then: str
) -> None:
    """A view called ``session.clear()`` and ``doorward.logout()``, as many do. The store failed: the logout returned as if it
    were done, and the answer, a 503, took the cookie away. The session lived on, and nobody had the token to end it with. A
    login after the clear gave the browser its own token, and left the cleared session alive as well."""
    reached = []

    @app.post("/again/from/scratch")
    def from_scratch() -> str:
        session.clear()
        doorward.logout() if then == "logout" else doorward.login("ada", PASSWORD)
        reached.append(then)
        return "done"

    log_in(client)
    token = token_of(client)
    with app.app_context():
        (before,) = doorward.engine.sessions(client.get("/account").text)
    fail("logout")
    answer = client.post("/again/from/scratch")
    assert (answer.status_code, answer.headers.get("Set-Cookie"), reached) == (503, None, [])
    fail()
    assert token_of(client) == token
    with app.app_context():
        (after,) = doorward.engine.sessions(client.get("/account").text)
    assert after.session_id == before.session_id
    assert client.post("/again/from/scratch").status_code == 200
    assert reached == [then]
    assert not lives(app, token)
    assert lives(app, token_of(client)) == (then == "login")


def test_a_logout_that_a_view_takes_for_done_is_a_503_all_the_same(app: Flask, client: FlaskClient, fail: Any) -> None:
    """The same, in a view that went on after the exception."""

    @app.post("/leave")
    def leave() -> str:
        session.clear()
        with suppress(StoreError):
            doorward.logout()
        return "bye"

    log_in(client)
    fail("logout")
    answer = client.post("/leave")
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (503, None)
    fail()
    assert client.get("/account").status_code == 200


def test_a_clear_that_cannot_be_done_leaves_the_client_the_token_that_lives(app: Flask, client: FlaskClient, fail: Any) -> None:
    """A view proved the password and then cleared the session. The store failed at that: the client kept its former token,
    which was dead, and nobody had the one under which the session lived; or had it until the browser was closed, though it was
    to be remembered."""

    @app.post("/prove/and/leave")
    def prove_and_leave() -> str:
        session.permanent = True
        doorward.reauthenticate(PASSWORD)
        session.clear()
        return "bye"

    log_in(client)
    former = token_of(client)
    fail("logout")
    answer = client.post("/prove/and/leave")
    assert answer.status_code == 503
    assert "Max-Age" in answer.headers["Set-Cookie"]
    fail()
    token = token_of(client)
    assert token not in (None, former)
    assert client.get("/account").status_code == 200
    client.post("/logout")
    assert not lives(app, token)
