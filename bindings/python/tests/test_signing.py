"""Signing keys of the host's own and of the engine's: tokens that PyJWT verifies with the JWKS; settings that are refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from conftest import AUDIENCE, PASSWORD
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from worlds import POLICY

from doorward import ConfigError, Engine, TokenInvalid, Tokens

SECRET, OTHER = b"canary-5b1e-nobody-may-see-me-32", b"another secret of 32 bytes or so"
ISSUER = "https://login.example"


def pem(key: Any) -> str:
    kind = serialization.PrivateFormat.PKCS8
    return str(key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode())


def signing(algorithm: str, keys: dict[str, Any]) -> Any:
    return {"alg": algorithm, "pem": pem(keys[algorithm])}


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    return {
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        "RS256": rsa.generate_private_key(65537, 2048),
    }


def opened(**settings: Any) -> Engine:
    return Engine.open("memory:", policy=POLICY, issuer=ISSUER, audience=AUDIENCE, **settings)


def issued(engine: Engine) -> Tokens:
    engine.register("ada", PASSWORD)
    return engine.issue(engine.login("ada", PASSWORD).session_token, claims={"plan": "gold"})


def verified(engine: Engine, access: str, algorithm: str) -> dict[str, Any]:
    """The claims, as PyJWT has them with the engine's JWKS."""
    jwks = jwt.PyJWKSet.from_dict(engine.jwks().keys)
    header = jwt.get_unverified_header(access)
    assert (header["alg"], header["typ"]) == (algorithm, "at+jwt")
    claims: dict[str, Any] = jwt.decode(access, jwks[header["kid"]].key, [algorithm], audience=AUDIENCE, issuer=ISSUER)
    return claims


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_a_pem_signs_what_others_verify_with_the_jwks(algorithm: str, keys: dict[str, Any]) -> None:
    with opened(signing=signing(algorithm, keys)) as engine:
        access = issued(engine).access
        (published,) = engine.jwks().keys["keys"]
        assert (published["alg"], published["use"]) == (algorithm, "sig")
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(published)
        claims = verified(engine, access, algorithm)
        ours = engine.verify(access)
    assert claims["plan"] == "gold"
    del claims["dw"]  # the engine's own
    # The token leaves out a scope that is empty, and has one audience as a text.
    assert {**claims, "aud": [AUDIENCE], "scope": ""} == ours


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_keys_of_the_engines_own_sign_by_the_algorithm_that_is_named(algorithm: str) -> None:
    with opened(signing={"alg": algorithm}) as engine:
        assert verified(engine, issued(engine).access, algorithm)["iss"] == ISSUER
        assert engine.policy()["tokens"]["algorithm"] == algorithm
    with opened() as engine:
        assert engine.policy()["tokens"]["algorithm"] == "EdDSA"


@pytest.mark.parametrize("kid", [None, "2026-11"])
def test_a_secret_signs_and_is_not_published(kid: str | None) -> None:
    secret = {"alg": "HS256", "secret": SECRET} | ({} if kid is None else {"kid": kid})
    with opened(signing=secret) as engine:
        access = issued(engine).access
        assert engine.jwks().keys == {"keys": []}
        assert jwt.get_unverified_header(access) == {"alg": "HS256", "typ": "at+jwt", "kid": kid or "1"}
        assert jwt.decode(access, SECRET, ["HS256"], audience=AUDIENCE, issuer=ISSUER)["plan"] == "gold"
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(access, OTHER, ["HS256"], audience=AUDIENCE)
        assert engine.verify(access)["plan"] == "gold"


@pytest.mark.parametrize("as_text", [False, True])
def test_a_jwk_signs(as_text: bool, keys: dict[str, Any]) -> None:
    key = keys["ES256"]
    numbers = key.private_numbers()
    public = numbers.public_numbers
    members = {"x": public.x, "y": public.y, "d": numbers.private_value}
    jwk: Any = {"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "first", "use": "sig"}
    jwk |= {name: encoded(number.to_bytes(32, "big")) for name, number in members.items()}
    with opened(signing={"jwk": json.dumps(jwk) if as_text else jwk}) as engine:
        assert verified(engine, issued(engine).access, "ES256")["plan"] == "gold"
        (published,) = engine.jwks().keys["keys"]
        assert published["kid"] == "first"
        assert "d" not in published


def test_of_several_keys_the_first_signs_and_all_verify(keys: dict[str, Any]) -> None:
    old, new, third = (signing(algorithm, keys) for algorithm in ("RS256", "ES256", "EdDSA"))
    with opened(signing=old) as engine:
        before = issued(engine).access
    with opened(signing=[new, old, third]) as engine:
        after = issued(engine).access
        assert jwt.get_unverified_header(after)["alg"] == "ES256"
        assert sorted(key["alg"] for key in engine.jwks().keys["keys"]) == ["ES256", "EdDSA", "RS256"]
        # The key is known, the session of another store is not.
        with pytest.raises(TokenInvalid) as refused:
            engine.verify(before)
        assert refused.value.reason == "ended"
    with opened(signing=new) as engine, pytest.raises(TokenInvalid) as unknown:
        engine.verify(before)
    assert unknown.value.reason == "unknown_key"


def test_secrets_and_public_keys_do_not_stand_side_by_side(keys: dict[str, Any]) -> None:
    secrets = [{"alg": "HS256", "secret": secret, "kid": kid} for secret, kid in ((SECRET, "new"), (OTHER, "old"))]
    with opened(signing=secrets) as engine:
        assert jwt.get_unverified_header(issued(engine).access)["kid"] == "new"
    with pytest.raises(ConfigError, match="do not stand side by side"):
        opened(signing=[signing("ES256", keys), secrets[0]])


def test_tokens_live_on_when_a_second_key_becomes_the_first(keys: dict[str, Any], tmp_path: Any) -> None:
    first, second = (signing(algorithm, keys) for algorithm in ("EdDSA", "ES256"))
    given: dict[str, Any] = {"master_key": SECRET, "policy": POLICY, "audience": AUDIENCE}
    with Engine.open(f"sqlite:{tmp_path}/db", signing=[first, second], **given) as engine:
        access = issued(engine).access
    with Engine.open(f"sqlite:{tmp_path}/db", signing=[second, first], **given) as engine:
        assert engine.verify(access)["plan"] == "gold"
    with Engine.open(f"sqlite:{tmp_path}/db", signing=second, **given) as engine, pytest.raises(TokenInvalid):
        engine.verify(access)


FORGERIES: dict[str, Callable[[dict[str, Any], dict[str, Any], Any], str]] = {
    "none": lambda claims, headers, key: jwt.encode(claims, "", "none", headers),
    "the public key as a secret": lambda claims, headers, key: forged(claims, headers, key),
    "another key": lambda claims, headers, key: jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), "ES256", headers),
}


def forged(claims: dict[str, Any], headers: dict[str, Any], key: Any) -> str:
    """As PyJWT refuses to do it."""
    import hashlib
    import hmac

    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    head = encoded(json.dumps({**headers, "alg": "HS256"}).encode())
    signed = f"{head}.{encoded(json.dumps(claims).encode())}"
    return f"{signed}.{encoded(hmac.new(public, signed.encode(), hashlib.sha256).digest())}"


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_token_of_a_wrong_alg_or_key_is_refused(forgery: str, keys: dict[str, Any]) -> None:
    key = keys["ES256"]
    with opened(signing={"alg": "ES256", "pem": pem(key)}) as engine:
        access = issued(engine).access
        headers, claims = jwt.get_unverified_header(access), jwt.decode(access, options={"verify_signature": False})
        headers.pop("alg")
        assert engine.verify(jwt.encode(claims, key, "ES256", headers))["plan"] == "gold"
        with pytest.raises(TokenInvalid) as refused:
            engine.verify(FORGERIES[forgery](claims, headers, key))
    assert refused.value.reason == ("signature" if forgery == "another key" else "algorithm")


@pytest.mark.parametrize(
    ("algorithm", "of"),
    [("EdDSA", "ES256"), ("ES256", "EdDSA"), ("ES256", "RS256"), ("RS256", "EdDSA")],
)
def test_a_pem_of_another_algorithm_is_refused_when_the_engine_is_opened(algorithm: str, of: str, keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as refused:
        opened(signing={"alg": algorithm, "pem": pem(keys[of])})
    assert refused.value.status == "DW_CONFIG_KEY"


@pytest.mark.parametrize(
    "key",
    [lambda: rsa.generate_private_key(65537, 1024), lambda: ec.generate_private_key(ec.SECP384R1())],
    ids=["RSA of 1024 bits", "P-384"],
)
def test_a_key_that_is_too_weak_or_of_no_algorithm_of_ours_is_refused(key: Callable[[], Any]) -> None:
    for algorithm in ("RS256", "ES256"):
        with pytest.raises(ConfigError):
            opened(signing={"alg": algorithm, "pem": pem(key())})


def test_rs256_is_for_keys_of_the_hosts_own() -> None:
    with pytest.raises(ConfigError, match=r"tokens\.algorithm"):
        opened(signing={"alg": "RS256"})


# The engine's own keys, and their rotation.


def test_a_new_key_is_published_before_it_signs_and_an_old_one_until_what_it_signed_has_ended() -> None:
    with opened(clock="manual", now=1_700_000_000_000) as engine:
        access = issued(engine).access
        (old,) = (key["kid"] for key in engine.jwks().keys["keys"])
        rotated = engine.rotate_keys()
        assert (rotated.is_new, rotated.active_from) == (True, engine.now() + 86_400_000)
        assert engine.rotate_keys() == rotated.__class__(is_new=False, active_from=rotated.active_from)
        old_and_new = [key["kid"] for key in engine.jwks().keys["keys"]]
        assert len(old_and_new) == 2
        assert old in old_and_new
        assert jwt.get_unverified_header(access)["kid"] == old
        engine.set_time(rotated.active_from)
        tokens = engine.issue(engine.login("ada", PASSWORD).session_token)
        assert {jwt.get_unverified_header(tokens.access)["kid"], old} == set(old_and_new)
        # In seconds: half of the day that a new key waits before it signs.
        assert engine.jwks().max_age == 43_200


def test_a_rotation_at_once_signs_at_once_and_one_when_due_waits() -> None:
    with opened(clock="manual", now=1_700_000_000_000) as engine:
        before = issued(engine).access
        assert not engine.rotate_keys("when-due").is_new
        assert engine.rotate_keys("at-once").active_from == engine.now()
        after = engine.issue(engine.login("ada", PASSWORD).session_token).access
        assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]
        assert engine.verify(before)["sub"] == engine.verify(after)["sub"]
        engine.set_time(engine.now() + 29 * 86_400_000 + 1)
        assert engine.maintain().rotated


@pytest.mark.parametrize("and_sessions", [False, True])
def test_all_tokens_are_revoked_and_sessions_if_told_so(and_sessions: bool) -> None:
    with opened() as engine:
        engine.register("ada", PASSWORD)
        session = engine.login("ada", PASSWORD).session_token
        tokens = engine.issue(session, refresh=True)
        engine.revoke_all_tokens(and_sessions)
        with pytest.raises(TokenInvalid):
            engine.verify(tokens.access)
        with pytest.raises(TokenInvalid):
            engine.refresh(tokens.refresh or "")
        assert len(engine.sessions(engine.login("ada", PASSWORD).account)) == (1 if and_sessions else 2)
        if not and_sessions:
            assert engine.verify(engine.issue(session).access)["sub"] == engine.authenticate(session).account
