"""What a call costs: ``authenticate`` and a repeated ``verify``, next to PyJWT and to Django's sessions in a database.

    pip install './bindings/python' pyjwt[crypto] django && python bindings/python/examples/cost.py

All of them in turn, round by round, in one process and on the same disk. Each line gives the median of a call over the rounds,
from the first tenth of them to the last, and the median of its ratio to ``authenticate`` on SQLite in the same round.
"""

from __future__ import annotations

import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import django
import jwt
from django.conf import settings

import doorward

ROUNDS, CALLS = 60, 300
AUDIENCE = "https://api.example"
Work = Callable[[], object]


def engine(opened: doorward.Engine) -> tuple[Work, Work]:
    """``authenticate`` and ``verify`` of a session."""
    name = f"ada-{secrets.token_hex(4)}"
    opened.register(name, "plum kettle orbit")
    token = opened.login(name, "plum kettle orbit").session_token
    access = opened.issue(token).access
    return lambda: opened.authenticate(token), lambda: opened.verify(access)


def pyjwt(algorithm: str) -> Work:
    now = int(time.time())
    claims = {"iss": "doorward", "sub": "a" * 32, "aud": AUDIENCE, "iat": now, "exp": now + 600, "jti": "b" * 32}
    if algorithm == "HS256":
        key = public = secrets.token_bytes(32)
    else:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        key = Ed25519PrivateKey.generate()
        public = key.public_key()
    token = jwt.encode(claims, key, algorithm)
    return lambda: jwt.decode(token, public, [algorithm], audience=AUDIENCE, issuer="doorward")


def django_session(folder: Path) -> Work:
    settings.configure(
        SECRET_KEY=secrets.token_hex(32),
        INSTALLED_APPS=["django.contrib.sessions"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "django.db"}},
        USE_TZ=True,
    )
    django.setup()
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    session = SessionStore()
    session["_auth_user_id"] = "1"
    session.save()
    key = session.session_key
    return lambda: SessionStore(key)["_auth_user_id"]


def seconds(work: Work) -> float:
    begun = time.perf_counter()
    for _ in range(CALLS):
        work()
    return (time.perf_counter() - begun) / CALLS


def main() -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)

        def opened(store: str, revocation: Literal["bound", "watched"]) -> doorward.Engine:
            keys = {"key_file": folder / "cost.key", "create_key_file": True}
            return stack.enter_context(doorward.Engine.open(store, audience=AUDIENCE, revocation=revocation, **keys))

        on_sqlite, verify_bound = engine(opened(f"sqlite:{folder / 'cost.db'}", "bound"))
        in_memory, _ = engine(opened("memory:", "bound"))
        _, verify_watched = engine(opened(f"sqlite:{folder / 'cost.db'}", "watched"))
        works = {
            "authenticate, SQLite": on_sqlite,
            "authenticate, memory": in_memory,
            "verify again, bound, SQLite": verify_bound,
            "verify again, watched, SQLite": verify_watched,
            "PyJWT decode, HS256": pyjwt("HS256"),
            "PyJWT decode, EdDSA": pyjwt("EdDSA"),
            "Django session, SQLite": django_session(folder),
        }
        rounds = [{what: seconds(work) for what, work in works.items()} for _ in range(ROUNDS)]
    base = next(iter(works))
    for what in works:
        tenths = statistics.quantiles([took[what] * 1e6 for took in rounds], n=10)
        ratio = statistics.median(took[what] / took[base] for took in rounds)
        print(f"{what:32} {tenths[4]:7.1f} us ({tenths[0]:.1f} to {tenths[-1]:.1f})   {ratio:5.2f} of authenticate")


if __name__ == "__main__":
    main()
