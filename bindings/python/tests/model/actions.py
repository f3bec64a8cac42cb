"""What there is to choose: the actions of ``fuzz/src/action.rs``, as JSON has them. Numbers choose among what there is.

A token is chosen by how many operations ago it was given (``back``); whoever sends the action makes of it the operation's own
number (``of``).
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]

byte = st.integers(0, 255)
password = st.integers(0, 7)
name = st.integers(0, 4)
# From 240 on: the latest account, or one before, which may be deleted.
account = name | st.integers(240, 242)
flag = st.booleans()


def seldom(often: Strategy, seldom: Strategy, one_in: int = 12) -> Strategy:
    return st.integers(0, one_in - 1).flatmap(lambda number: seldom if number == one_in - 1 else often)


def _with(word: str, number: Strategy = byte) -> Strategy:
    return number.map(lambda value: {word: value})


back = seldom(st.integers(0, 9), st.integers(0, 60), 6)
_forgery = seldom(
    st.just("None"),
    _with("Proof") | _with("Prefix") | _with("Field") | _with("Spliced", back) | _with("Cut"),
)
_token_forgery = seldom(
    st.just("None"),
    _with("Proof") | _with("Field") | _with("Spliced", back) | _with("Kind") | _with("Cut"),
)
session_token = st.fixed_dictionaries({"back": back, "forgery": _forgery})
refresh_token = st.fixed_dictionaries(
    {"back": back, "generations": seldom(st.just(0), st.integers(1, 3), 4), "forgery": _token_forgery}
)
access_token = st.fixed_dictionaries({"back": back, "forgery": _token_forgery})
any_token = _with("Refresh", refresh_token) | _with("Access", access_token)

right = st.just("Right")
guess = seldom(right, _with("Listed", password), 3)
no_device = st.just({"shown": "None", "remember": False})
device = st.fixed_dictionaries(
    {
        "shown": _with("Own", st.integers(0, 2)) | seldom(st.just("None"), _with("Any", back) | _with("Forged"), 4),
        "remember": flag,
    }
)
# The lifetime by its rest by 4, the scope by the rest.
lifetime = st.integers(0, 31)
data = seldom(st.sampled_from(["Little", "Nothing"]), st.sampled_from(["Some", "TooMuch"]), 5)
stay = seldom(st.none(), _with("For", st.integers(0, 119)) | st.just("TooLong"), 3)
scope = st.none() | byte
audience = byte
client = st.integers(0, 2)
rotation = st.sampled_from(["WhenDue", "Orderly", "AtOnce"])

# Milliseconds: mostly a moment; else a token's life, an idle end, an absolute end, the life of a key.
millis = seldom(st.integers(1, 1_500), st.sampled_from([3_000, 4_000, 10_000, 45_000]), 3)


def _action(word: str, **given: Strategy) -> Strategy:
    return _with(word, st.fixed_dictionaries(given))


# What ends much, or helps against nothing: one rule for each group, so that there is something left to end.
administration = (
    _action("SetPassword", name=account, new=password)
    | _action("Rename", name=account, new=name)
    | _action("Unlock", name=account)
    | _action("Enable", name=account)
)
shutting = _action("Disable", name=account) | _action("MarkCompromised", name=account) | _action("DeleteAccount", name=account)
keys = _with("Token", _with("RotateKeys", rotation) | st.just("Jwks"))
ending_all = st.just("AfterRestore") | _with("Token", _with("RevokeAll", st.fixed_dictionaries({"and_sessions": flag})))


def numbered(action: Any, made: int) -> Any:
    """The action, with each ``back`` as the number of an operation of those that were made."""
    if isinstance(action, list):
        return [numbered(one, made) for one in action]
    if not isinstance(action, dict):
        return action
    known: dict[str, Any] = {}
    for word, value in action.items():
        if word in ("Spliced", "Any", "session"):
            known[word] = max(0, made - 1 - value)
        elif word == "back":
            known["of"] = max(0, made - 1 - value)
        elif word == "generations":
            known["back"] = value
        else:
            known[word] = numbered(value, made)
    return known
