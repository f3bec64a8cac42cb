"""A shop in one file: sign up, log in, a page of one's own, a token for an API, and a logout that lasts.

    pip install './bindings/python[flask]'  # from this repository
    flask --app app run

Then open http://127.0.0.1:5000/.
"""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, flash, g, jsonify, redirect, render_template_string, request, session, url_for
from flask.typing import ResponseReturnValue

from doorward import Denied, Taken, Throttled, WeakPassword
from doorward.flask import Doorward

doorward = Doorward()

PAGE = """<!doctype html><title>Shop</title>
{% for message in get_flashed_messages() %}<p role="alert">{{ message }}</p>{% endfor %}
<p>In the cart: {{ cart|join(", ") or "nothing" }}.</p>
<form method="post" action="{{ url_for('put') }}"><input name="what" aria-label="What"><button>Into the cart</button></form>
{% if doorward.current_account %}
<p>Logged in. <a href="{{ url_for('account') }}">Your account</a></p>
<form method="post" action="{{ url_for('logout') }}"><button>Log out</button></form>
{% else %}
<form method="post">
  <label>Name <input name="name" autocomplete="username"></label>
  <label>Password <input name="password" type="password" autocomplete="current-password"></label>
  <label><input name="remember" type="checkbox"> Remember me</label>
  <input type="hidden" name="next" value="{{ request.args.get('next', '/') }}">
  <button formaction="{{ url_for('login') }}">Log in</button> <button formaction="{{ url_for('register') }}">Sign up</button>
</form>
{% endif %}"""


def create_app(**config: Any) -> Flask:
    app = Flask(__name__)
    app.config.update(DOORWARD_STORE="sqlite:shop.db", DOORWARD_KEY_FILE="shop.key", DOORWARD_CREATE_KEY_FILE=True)
    app.config.update(DOORWARD_LOGIN_VIEW="shop")
    if os.environ.get("SHOP_OVER_TLS"):
        app.config.update(SESSION_COOKIE_NAME="__Host-session", SESSION_COOKIE_SECURE=True)
    app.config.update(config)
    doorward.init_app(app)

    @app.get("/")
    def shop() -> str:
        return render_template_string(PAGE, cart=session.get("cart", []))

    @app.post("/cart")
    def put() -> ResponseReturnValue:
        session["cart"] = [*session.get("cart", []), request.form["what"]]
        return redirect(url_for("shop"), 303)

    @app.post("/register")
    def register() -> ResponseReturnValue:
        try:
            doorward.register(request.form["name"], request.form["password"])
        except (Taken, WeakPassword) as refused:
            flash(str(refused))
            return redirect(url_for("shop"), 303)
        return login()

    @app.post("/login")
    def login() -> ResponseReturnValue:
        try:
            doorward.login(request.form["name"], request.form["password"], remember="remember" in request.form)
        except Denied:
            flash("Name or password is wrong.")
        except Throttled as wait:
            flash(f"Too many attempts. Come again in {wait.retry_after} s.")
        else:
            return redirect(doorward.return_target(), 303)
        return redirect(url_for("shop"), 303)

    @app.post("/logout")
    def logout() -> ResponseReturnValue:
        doorward.logout()
        return redirect(url_for("shop"), 303)

    @app.get("/account")
    @doorward.login_required
    def account() -> str:
        current = doorward.current
        return f"{doorward.current_account}, here since {current.created_utc:%H:%M}" if current else ""

    @app.post("/token")
    @doorward.login_required
    def token() -> ResponseReturnValue:
        issued = doorward.issue()
        return jsonify(access_token=issued.access, token_type="Bearer", expires_in=issued.expires_in)

    @app.get("/api/me")
    @doorward.bearer_required
    def me() -> ResponseReturnValue:
        return jsonify(account=g.claims["sub"])

    return app
