"""A small shop of real Flask, and a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, g, jsonify, redirect, request, session
from flask.testing import FlaskClient

from doorward import StoreError
from doorward.flask import Doorward

PASSWORD = "plum kettle orbit"
SOON = {"argon2": {"memory_kib": 12288, "passes": 1, "lanes": 1}}
"""The fastest hashing that is accepted."""

doorward = Doorward()

Make = Callable[..., Flask]


class Browser(FlaskClient):
    """A client that says of its requests that pages of this site send them, as browsers do."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"


def token_of(client: FlaskClient, name: str = "session") -> str | None:
    cookie = client.get_cookie(name)
    return cookie.value if cookie is not None else None


def log_in(client: FlaskClient, **form: str) -> Any:
    return client.post("/login", data={"name": "ada", "password": PASSWORD, **form})


def cart(client: FlaskClient) -> Any:
    return client.get("/cart").json["cart"]  # type: ignore[index]


def put(client: FlaskClient, what: str, **named: Any) -> Any:
    return client.post("/cart", data={"what": what}, **named)


class Failing:
    """An engine whose store fails where it is told to."""

    def __init__(self, engine: Any, *names: str) -> None:
        self._engine, self._names = engine, names

    def __getattr__(self, name: str) -> Any:
        if name in self._names:
            return self._fail
        return getattr(self._engine, name)

    def _fail(self, *_: Any, **__: Any) -> Any:
        failed = StoreError("the disk /dev/sdb is full")
        failed.status = "DW_STORE_RETRYABLE"
        failed.is_transient = True
        raise failed


def add_views(app: Flask) -> None:
    @app.get("/")
    def index() -> str:
        return "hello"

    @app.get("/cart")
    def cart() -> Any:
        return jsonify(cart=session.get("cart"), account=doorward.current_account)

    @app.post("/cart")
    def put() -> Any:
        session["cart"] = [*session.get("cart", []), request.form["what"]]
        return jsonify(session["cart"])

    @app.post("/cart/empty")
    def empty() -> str:
        session.pop("cart", None)
        return "empty"

    @app.post("/clear")
    def clear() -> str:
        session.clear()
        session.update(request.form)
        return "cleared"

    @app.post("/login")
    def login() -> Any:
        if "cart" in request.form:
            session["cart"] = [request.form["cart"]]
        doorward.login(request.form["name"], request.form["password"], "remember" in request.form, scope="read")
        return redirect(doorward.return_target())

    @app.post("/logout")
    def logout() -> str:
        doorward.logout()
        return "bye"

    @app.post("/logout/everywhere")
    def everywhere() -> str:
        doorward.logout_everywhere(keep_this="keep" in request.form)
        return "bye all"

    @app.post("/password")
    def password() -> str:
        doorward.change_password(PASSWORD, request.form["new"])
        return "changed"

    @app.post("/again")
    def again() -> str:
        doorward.reauthenticate(request.form["password"])
        return "proven"

    @app.get("/account")
    @doorward.login_required
    def account() -> str:
        return str(doorward.current_account)

    @app.post("/token")
    def token() -> Any:
        return jsonify(access_token=doorward.issue(claims={"plan": "gold"}).access)

    @app.route("/api/me", methods=["GET", "POST"])
    @doorward.bearer_required
    def me() -> Any:
        return jsonify(g.claims)

    @app.get("/api/read")
    @doorward.bearer_required(scope="read")
    def read() -> Any:
        return jsonify(g.claims["scope"])

    @app.get("/api/write")
    @doorward.bearer_required(scope="read write")
    def write() -> Any:
        return "written"

    @app.post("/hook")
    @doorward.any_origin
    def hook() -> str:
        return "taken"

    @app.after_request
    def hardened(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
