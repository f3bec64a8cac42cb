"""What Python services stand on, for the driver in ``doorward-benches``: begun with the name of some work, it makes what that
needs, says ``ready``, and then answers each line, a number of milliseconds, with the microseconds that one took."""

import secrets
import sys
import time
from collections.abc import Callable

ISSUER, AUDIENCE = "https://auth.example", "https://api.example"
MANY, ASKED = 1000, 32


def django_sessions(file: str) -> Callable[[int], object]:
    """``django.contrib.sessions``, its rows in SQLite: a new store object for each request, as the middleware makes one."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.configure(
        SECRET_KEY=secrets.token_hex(32),
        INSTALLED_APPS=["django.contrib.sessions"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": file}},
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)
    from django.contrib.sessions.backends.db import SessionStore

    keys = []
    for number in range(MANY):
        session = SessionStore()
        session["user"] = f"{number:032x}"
        session.save()
        keys.append(session.session_key)

    def load(turn: int) -> object:
        return SessionStore(keys[turn % ASKED])["user"]

    return load


def pyjwt(algorithm: str) -> Callable[[int], object]:
    """A token of our claims, decoded with the checks that it has: signature, issuer, audience, end."""
    import jwt
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": "0f8fad5bd9cb469fa165708677289502",
        "aud": AUDIENCE,
        "exp": now + 3600,
        "iat": now,
        "jti": "7c9e6679f7425e0f9b2a1c4d5e6f7081",
        "client_id": "web",
        "sid": "16fd2706aad5467b8d3c2f1e0a9b8c7d",
        "auth_time": now,
        "amr": ["pwd"],
    }
    if algorithm == "HS256":
        key = public = secrets.token_bytes(32)
    else:
        key = Ed25519PrivateKey.generate()
        public = key.public_key()
    token = jwt.encode(claims, key, algorithm)
    return lambda _: jwt.decode(token, public, [algorithm], audience=AUDIENCE, issuer=ISSUER)


def argon2() -> Callable[[int], object]:
    """The C library, at the parameters of our default policy."""
    from argon2.low_level import Type, hash_secret_raw

    return lambda _: hash_secret_raw(b"plum kettle orbit", b"\7" * 16, 2, 19 * 1024, 1, 32, Type.ID)


def libsodium(primitive: str) -> Callable[[int], object]:
    """What another C library takes for a signature over as much as our access tokens have, or for our hash."""
    import nacl.pwhash.argon2id
    import nacl.signing

    if primitive == "argon2id":
        return lambda _: nacl.pwhash.argon2id.kdf(32, b"plum kettle orbit", b"\7" * 16, 2, 19 * 1024 * 1024)
    key = nacl.signing.SigningKey.generate()
    signed = key.sign(b"x" * 460)
    verify = key.verify_key.verify
    return lambda _: verify(signed.message, signed.signature)


def doorward_verify(file: str) -> Callable[[int], object]:
    """Our own package: an access token of a session in SQLite, seen before, and known not to have ended."""
    import doorward

    engine = doorward.Engine.open(
        f"sqlite:{file}", audience=AUDIENCE, revocation="watched", key_file=f"{file}.key", create_key_file=True
    )
    engine.register("ada", "plum kettle orbit")
    access = engine.issue(engine.login("ada", "plum kettle orbit").session_token).access
    return lambda _: engine.verify(access)


WORK: dict[str, Callable[..., Callable[[int], object]]] = {
    "django": django_sessions,
    "pyjwt": pyjwt,
    "argon2": argon2,
    "libsodium": libsodium,
    "doorward": doorward_verify,
}


def main() -> None:
    work = WORK[sys.argv[1]](*sys.argv[2:])
    print("ready", flush=True)
    for line in sys.stdin:
        seconds, turn = int(line) / 1000, 0
        begun = time.perf_counter()
        while time.perf_counter() - begun < seconds:
            for _ in range(8):  # the clock is looked at now and then
                work(turn)
                turn += 1
        print((time.perf_counter() - begun) * 1e6 / turn, flush=True)


main()
