"""Bearer tokens, cross-site requests, and the configuration."""

from __future__ import annotations

import gc
import multiprocessing
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, g, jsonify, request
from flask.testing import FlaskClient

from doorward import ConfigError, Engine, Error, Misuse
from doorward.flask import Doorward

from .shop import PASSWORD, SOON, Make, add_views, doorward, log_in, token_of

# Tokens.


def bearer(client: FlaskClient) -> dict[str, str]:
    answer = client.post("/token")
    assert answer.json is not None
    return {"Authorization": f"Bearer {answer.json['access_token']}"}


def test_a_token_has_its_claims_in_g(client: FlaskClient) -> None:
    log_in(client)
    account = client.get("/account").text
    api = client.application.test_client(use_cookies=False)
    claims = api.get("/api/me", headers=bearer(client)).json
    assert claims is not None
    assert (claims["sub"], claims["aud"], claims["plan"], claims["iss"]) == (account, ["doorward"], "gold", "doorward")


def test_a_token_is_not_cached(client: FlaskClient) -> None:
    log_in(client)
    assert client.post("/token").headers["Cache-Control"] == "no-store"


def test_guests_get_no_token(client: FlaskClient) -> None:
    assert client.post("/token").status_code == 401
    client.post("/cart", data={"what": "plum"})
    assert client.post("/token").status_code == 401


@pytest.mark.parametrize(
    ("header", "status", "challenge"),
    [
        (None, 401, "Bearer"),
        ("Basic YWRhOng=", 401, "Bearer"),
        ("Bearer none", 401, "Bearer error=invalid_token"),
        ("Bearer a b", 400, None),
    ],
)
def test_what_is_no_token_is_refused(client: FlaskClient, header: str | None, status: int, challenge: str | None) -> None:
    log_in(client)  # which counts for nothing here
    answer = client.get("/api/me", headers={"Authorization": header} if header else {})
    assert (answer.status_code, answer.headers.get("WWW-Authenticate")) == (status, challenge)


def test_a_scope_that_the_token_lacks_is_a_403(client: FlaskClient) -> None:
    log_in(client)
    header = bearer(client)
    assert client.get("/api/read", headers=header).text.strip() == '"read"'
    refused = client.get("/api/write", headers=header)
    assert refused.status_code == 403
    assert refused.headers["WWW-Authenticate"] == 'Bearer error=insufficient_scope, scope="read write"'


def test_an_audience_of_the_applications_own(make: Make) -> None:
    app = make(DOORWARD_AUDIENCE="https://api.shop.test", DOORWARD_ISSUER="https://shop.test")
    with app.test_request_context():
        doorward.register("ada", PASSWORD)
        doorward.login("ada", PASSWORD)
        claims = doorward.engine.verify(doorward.issue().access)
        assert (claims["aud"], claims["iss"]) == (["https://api.shop.test"], "https://shop.test")
        other = doorward.issue(audience="https://other.test").access
    with app.test_request_context(headers={"Authorization": f"Bearer {other}"}):
        assert doorward.verify(audience="https://other.test")["aud"] == ["https://other.test"]
    assert app.test_client().get("/api/me", headers={"Authorization": f"Bearer {other}"}).status_code == 401


def test_async_views_are_guarded_too(make: Make) -> None:
    pytest.importorskip("asgiref")
    app = make()

    @app.get("/async")
    @doorward.login_required
    async def view() -> str:
        return "in"

    @app.get("/async/api")
    @doorward.bearer_required
    async def api() -> Any:
        return jsonify(g.claims["sub"])

    client = app.test_client()
    with app.app_context():
        doorward.engine.register("ada", PASSWORD)
    assert client.get("/async").status_code == 401
    log_in(client)
    assert client.get("/async").text == "in"
    assert client.get("/async/api", headers=bearer(client)).json == client.get("/account").text


# Cross-site requests.


@pytest.fixture
def plain(app: Flask, client: FlaskClient) -> FlaskClient:
    """A client with a session, that says nothing of where its requests come from."""
    log_in(client)
    plain = FlaskClient(app, app.response_class)
    plain.set_cookie("session", token_of(client) or "")
    return plain


@pytest.mark.parametrize(
    ("headers", "is_taken"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "https://localhost"}, False),
        ({"Origin": "http://localhost:8000"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site", "Host": "evil.example"}, False),
        ({"Origin": "http://evil.example", "Host": "evil.example"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({}, False),
    ],
)
def test_a_write_with_a_cookie_comes_from_this_site(plain: FlaskClient, headers: Any, is_taken: bool) -> None:
    cookie = plain.get_cookie("session")
    assert cookie is not None
    client = plain.application.test_client(use_cookies=False)
    del client.environ_base["HTTP_SEC_FETCH_SITE"]
    answer = client.post("/cart", data={"what": "plum"}, headers={"Cookie": f"session={cookie.value}", **headers})
    assert answer.status_code == (200 if is_taken else 403)
    cart = plain.get("/cart").json
    assert cart is not None
    assert cart["cart"] == (["plum"] if is_taken else None)


def test_another_site_logs_nobody_in(app: Flask) -> None:
    stranger = FlaskClient(app, app.response_class)
    form = {"name": "ada", "password": PASSWORD}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert stranger.post("/login", data=form, headers=headers).status_code == 403
    assert stranger.post("/login", data=form).status_code == 302  # a program, without anybody's cookie


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_every_method_that_may_change_something_is_checked(plain: FlaskClient, method: str) -> None:
    assert plain.open("/cart", method=method).status_code == 403
    assert plain.open("/cart", method=method, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 405


def test_reads_are_not_checked(plain: FlaskClient) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        assert plain.open("/cart", method=method, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_views_that_prove_who_asks_are_not_checked(plain: FlaskClient, client: FlaskClient) -> None:
    foreign = {"Origin": "https://spa.example", "Sec-Fetch-Site": "cross-site"}
    assert plain.post("/hook", headers=foreign).text == "taken"
    assert plain.post("/api/me", headers={**foreign, **bearer(client)}).status_code == 200
    assert plain.post("/api/me", headers=foreign).status_code == 401


def test_named_origins_and_those_of_a_host_over_tls(make: Make) -> None:
    app = make()
    client = FlaskClient(app, app.response_class)
    assert client.post("/clear", headers={"Origin": "https://shop.test", "Host": "shop.test"}).status_code == 200
    app = make(DOORWARD_ORIGINS=["https://shop.test", "https://www.shop.test"])
    client = FlaskClient(app, app.response_class)
    for origin, status in (("https://www.shop.test", 200), ("http://localhost", 403), ("https://x.shop.test", 403)):
        assert client.post("/clear", headers={"Origin": origin}).status_code == status


def test_the_check_can_be_turned_off(make: Make) -> None:
    app = make(DOORWARD_CHECK_ORIGIN=False)
    client = FlaskClient(app, app.response_class)
    assert client.post("/clear", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


# The configuration, and the engine.


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"DOORWARD_STORE": None}, "DOORWARD_STORE is not set"),
        ({"DOORWARD_STOER": "x"}, "DOORWARD_STOER is no setting: there are .*DOORWARD_STORE"),
        ({"DOORWARD_ORIGINS": ["shop.test"]}, "DOORWARD_ORIGINS"),
        ({"DOORWARD_POLICY": "{"}, "DOORWARD_POLICY"),
        ({"DOORWARD_POLICY": "[]"}, "DOORWARD_POLICY"),
        ({"SESSION_COOKIE_NAME": "__Host-session"}, "SESSION_COOKIE_NAME.*`__Host-`"),
        ({"SESSION_COOKIE_DOMAIN": ".shop.test"}, "domain"),
    ],
)
def test_a_wrong_setting_is_told_at_once(config: Any, said: str) -> None:
    app = Flask("shop")
    app.config.update({"DOORWARD_STORE": "memory:", **config})
    with pytest.raises(ConfigError, match=said):
        Doorward(app)


def test_every_argument_of_the_engine_is_a_setting(tmp_path: Path) -> None:
    app = Flask("shop")
    path = f"sqlite:{tmp_path}/s.db"
    app.config.update(DOORWARD_STORE=path, DOORWARD_MASTER_KEY=bytes(32), DOORWARD_CLOCK="manual", DOORWARD_NOW=7_000)
    app.config.update(DOORWARD_REMEMBER_TOKENS=5, DOORWARD_EVENTS=3, DOORWARD_PEPPERS=[(1, bytes(32))], DOORWARD_POLICY=SOON)
    app.config.update(DOORWARD_REVOCATION="watched", DOORWARD_SIGNING={"alg": "ES256"})
    own = Doorward(app)
    with app.app_context():
        policy = own.engine.policy()
        assert own.engine.now() == 7_000
    assert (policy["tokens"]["algorithm"], policy["tokens"]["revocation"]["mode"]) == ("ES256", "watched")
    own.close(app)


def test_what_the_engine_refuses_is_said_when_it_is_opened() -> None:
    app = Flask("shop")
    app.config.update(DOORWARD_STORE="sqlite:/nowhere/at/all.db", DOORWARD_MASTER_KEY=bytes(32))
    own = Doorward(app)
    with app.app_context(), pytest.raises(ConfigError):
        _ = own.engine


def test_no_engine_is_open_before_a_session_is_used(make: Make) -> None:
    app = make()
    site = app.extensions["doorward"]
    assert app.test_client().get("/").status_code == 200
    assert site._engine is None
    app.test_client().post("/cart", data={"what": "plum"})
    assert isinstance(site._engine, Engine)


def test_threads_that_come_first_share_one_engine(make: Make) -> None:
    app = make()

    def engine(_: int) -> Engine:
        with app.app_context():
            return doorward.engine

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(engine, range(32)))) == 1


def test_one_extension_serves_several_applications(make: Make) -> None:
    one, other = make(), make()
    with one.app_context():
        doorward.engine.register("ada", PASSWORD)
    assert log_in(one.test_client()).status_code == 302
    assert log_in(other.test_client()).status_code == 401


def test_an_application_that_calls_another_keeps_its_own_session(make: Make) -> None:
    """A view that handed its request on to another application, within the process, saw that one's session from then on, with
    the account that is logged in there."""
    one, other = make(), make()
    with one.app_context():
        account = doorward.engine.register("ada", PASSWORD)

    @one.get("/outer")
    def outer() -> Any:
        list(other.wsgi_app(request.environ, lambda *_: None))
        return jsonify(doorward.current_account)

    other.add_url_rule("/outer", view_func=lambda: str(doorward.current))
    client = one.test_client()
    log_in(client)
    assert client.get("/outer").json == account


def test_an_applications_own_handler_of_every_error_stays() -> None:
    """An application that had a handler for ``doorward.Error`` before ``init_app`` never saw it called."""
    app = Flask("shop")
    app.config.update(DOORWARD_STORE="memory:", DOORWARD_MAINTAIN_EVERY=None)
    app.register_error_handler(Error, lambda error: (type(error).__name__, 418))
    own = Doorward(app)
    add_views(app)
    client = app.test_client()
    assert (client.post("/login", data={"name": "ada", "password": PASSWORD}).text) == "Denied"
    own.close(app)


def test_a_forgotten_application_closes_its_engine() -> None:
    app = Flask("shop")
    app.config.update(DOORWARD_STORE="memory:", DOORWARD_MAINTAIN_EVERY=None)
    own = Doorward(app)
    with app.app_context():
        engine = own.engine
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del app, own
        gc.collect()
    with pytest.raises(Misuse, match="closed"):
        engine.policy()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_processes_that_are_forked_open_their_own(make: Make) -> None:
    app = make()
    client = app.test_client()
    forking = multiprocessing.get_context("fork")

    def serve(pipe: Any) -> None:
        pipe.send(client.post("/cart", data={"what": "plum"}).status_code)
        pipe.send(token_of(client))
        pipe.close()

    app.extensions["doorward"]._lock.acquire()  # as another thread may have it
    try:
        ours, theirs = forking.Pipe()
        worker = forking.Process(target=serve, args=(theirs,))
        worker.start()
        assert ours.poll(30)
        assert ours.recv() == 200
        client.set_cookie("session", ours.recv())
        worker.join(30)
    finally:
        app.extensions["doorward"]._lock.release()
    assert worker.exitcode == 0
    assert client.get("/cart").json == {"cart": ["plum"], "account": None}


def test_an_application_is_given_it_once(make: Make) -> None:
    app = make()
    with pytest.raises(Misuse, match="once"):
        doorward.init_app(app)


def test_an_application_without_it_is_told_so() -> None:
    app = Flask("other")
    with app.test_request_context(), pytest.raises(Misuse, match="init_app"):
        _ = doorward.engine
    app.config["DOORWARD_STORE"] = "memory:"
    doorward.init_app(app)
    add_views(app)
    app.session_interface = Flask("x").session_interface
    with app.test_request_context(), pytest.raises(Misuse, match="session_interface"):
        _ = doorward.current
