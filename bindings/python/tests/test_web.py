"""The web helpers, against what the header promises of each."""

from __future__ import annotations

import doctest
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from doorward import ConfigError, Misuse, Refused, web
from doorward.web import Cookie

DEVELOPMENT = Cookie(name="session", insecure=True)


def refusal(call: Any, *arguments: Any, **named: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        call(*arguments, **named)
    return caught.value


def test_the_examples_run() -> None:
    results = doctest.testmod(web)
    assert results.attempted >= 14
    assert results.failed == 0


# Cookies.


def test_a_cookie_is_set_and_cleared_with_the_same_attributes() -> None:
    cookie = Cookie("__Secure-s", "/app", "example.com", same_site="Strict")
    attributes = "Path=/app; Domain=example.com; Secure; HttpOnly; SameSite=Strict"
    assert web.set_cookie("dws_abc", 3599.9, cookie) == [f"__Secure-s=dws_abc; Max-Age=3599; {attributes}"]
    assert web.clear_cookie(cookie) == [f"__Secure-s=; Max-Age=0; {attributes}"]


def test_former_cookies_are_cleared_wherever_todays_is() -> None:
    cookie = Cookie(former=(DEVELOPMENT, Cookie("old", "/app", "example.com")))
    cleared = ["session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"]
    cleared += ["old=; Max-Age=0; Path=/app; Domain=example.com; Secure; HttpOnly; SameSite=Lax"]
    assert web.set_cookie("dws_abc", 60, cookie)[1:] == cleared
    assert web.clear_cookie(cookie)[1:] == cleared


@pytest.mark.parametrize(
    "settings",
    [
        {"insecure": True},
        {"path": "/app"},
        {"domain": "example.com"},
        {"name": "__Secure-x", "insecure": True},
        {"name": "a b"},
        {"name": ""},
        {"name": "x", "path": "no slash"},
        {"name": "x", "domain": ".example.com"},
        {"same_site": "None"},
        {"former": (object(),)},
    ],
)
def test_a_cookie_that_no_browser_would_keep_cannot_be_made(settings: Any) -> None:
    with pytest.raises((ConfigError, Misuse)):
        Cookie(**settings)


def test_a_cookie_does_not_change_and_is_a_value() -> None:
    cookie: Any = Cookie()
    with pytest.raises(FrozenInstanceError):
        cookie.name = "other"
    assert {Cookie(), Cookie(name="__Host-session")} == {Cookie()}


@pytest.mark.parametrize("token", ["", "a b", "a;b", 'a"b', "a\r\nSet-Cookie: x=y", "ä"])
def test_only_a_token_goes_into_a_cookie(token: str) -> None:
    refused = refusal(web.set_cookie, token, 60)
    assert (refused.status, refused.http_status) == ("DW_WEB_COOKIE", 400)
    assert token == "" or token not in str(refused)


def test_a_wrong_argument_is_a_bug_of_the_caller() -> None:
    wrong: Any
    for wrong in (b"dws_abc", None):
        with pytest.raises(Misuse):
            web.set_cookie(wrong, 60)
    for wrong in (-1, "60", True, float("nan")):
        with pytest.raises(Misuse):
            web.set_cookie("dws_abc", wrong)
    wrong = "session"
    with pytest.raises(Misuse):
        web.read_cookie({}, wrong)
    wrong = {"Cookie": b"a=b"}
    with pytest.raises(Misuse):
        web.read_cookie(wrong)


def test_a_token_is_found_in_any_case_and_in_several_headers() -> None:
    assert web.read_cookie({"cOOKIE": "a=b; __Host-session=dws_abc"}) == "dws_abc"
    assert web.read_cookie([("Cookie", "a=b"), ("cookie", "__Host-session=dws_abc")]) == "dws_abc"
    assert web.read_cookie({"Cookie": "session=dws_abc"}, DEVELOPMENT) == "dws_abc"
    assert web.read_cookie({"Cookie": "session=dws_abc; name=\xe9"}) is None
    assert web.read_cookie({}) is None
    assert web.read_cookie([]) is None


def test_two_cookies_of_one_name_are_refused_and_a_flood_is() -> None:
    twice = [("Cookie", "__Host-session=dws_a"), ("Cookie", "__Host-session=dws_b")]
    assert refusal(web.read_cookie, twice).status == "DW_WEB_COOKIE"
    flood = refusal(web.read_cookie, {"Cookie": "; ".join(f"c{i}=x" for i in range(65))})
    assert (flood.status, flood.http_status) == ("DW_WEB_TOO_MANY_COOKIES", 431)


# Bearer tokens, targets, links.


def test_a_bearer_token_is_one() -> None:
    assert web.bearer({"authorization": "bEARER  ey.a.b "}) == "ey.a.b"
    assert web.bearer({"X-Authorization": "Bearer x"}) is None
    assert web.bearer({}) is None
    for header in ("Bearer", "Bearer ", "Bearer a b", "Bearer a, Bearer b", "Bearer \xff", "Bearer ы"):
        assert refusal(web.bearer, {"Authorization": header}).status == "DW_WEB_BEARER"
    assert refusal(web.bearer, [("Authorization", "Basic a"), ("authorization", "Bearer b")]).http_status == 400


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "/\\evil.example", "https://evil.example", "/%2fevil.example", "", "basket", "/a\n", "/\ud800", "/ä"],
)
def test_a_browser_is_sent_nowhere_else(target: str) -> None:
    assert refusal(web.return_target, target).status == "DW_WEB_TARGET"


def test_a_path_of_this_site_is_fine() -> None:
    assert web.return_target(None) == "/"
    assert web.return_target("/basket?open=1#pay") == "/basket?open=1#pay"


def test_a_logout_link_is_of_one_session() -> None:
    token = web.logout_token("dws_one")
    assert web.is_logout_token(token, "dws_one")
    assert not web.is_logout_token(token, "dws_two")
    assert not web.is_logout_token(token[:-1], "dws_one")
    assert not web.is_logout_token("\ud800", "dws_one")


# Where a request comes from.

HOST = {"Host": "app.example"}
FOLLOWED = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-User": "?1"}


def test_a_write_is_from_a_page_of_ours() -> None:
    web.check_request({**HOST, "sec-fetch-site": "same-origin"})
    web.check_request({**HOST, "Origin": "https://app.example"})
    web.check_request({"Host": "10.0.0.7", "Origin": "https://app.example"}, origins=["https://app.example"])
    for headers in (
        HOST,
        {**HOST, "Sec-Fetch-Site": "cross-site"},
        {**HOST, "Sec-Fetch-Site": "same-site"},
        {**HOST, "Origin": "https://evil.example"},
        {**HOST, "Origin": "http://app.example"},
        {**HOST, "Origin": "null"},
        {"Origin": "https://app.example"},
    ):
        refused = refusal(web.check_request, headers)
        assert (refused.status, refused.http_status) == ("DW_WEB_CROSS_SITE", 403)


def test_a_header_that_comes_twice_says_nothing() -> None:
    ours = [("Host", "app.example"), ("Origin", "https://app.example")]
    web.check_request(ours)
    refusal(web.check_request, [*ours, ours[1]])
    refusal(web.check_request, [*ours, ours[0]])


def test_a_read_may_be_a_programs_and_not_another_sites() -> None:
    web.check_request(HOST, "read")
    refusal(web.check_request, {**HOST, "Origin": "https://evil.example"}, "read")


def test_a_link_is_followed_by_a_person() -> None:
    ours = {**HOST, **FOLLOWED, "Sec-Fetch-Site": "same-origin"}
    web.check_request(ours, "link")
    for changed in ({"Sec-Fetch-Dest": "image"}, {"Sec-Fetch-Mode": "cors"}, {"Sec-Fetch-User": "?0"}):
        refusal(web.check_request, {**ours, **changed}, "link")
    for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"):
        refusal(web.check_request, {**ours, name: "prefetch"}, "link")
        refusal(web.check_request, {**ours, name: "prefetch"}, "own-link")
    mailed = {**HOST, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    web.check_request(mailed, "own-link")
    refusal(web.check_request, mailed, "link")


def test_a_kind_or_an_origin_that_is_none_is_a_bug_of_the_caller() -> None:
    wrong: Any = "writes"
    with pytest.raises(Misuse, match="'own-link', not 'writes'"):
        web.check_request(HOST, wrong)
    with pytest.raises(Misuse, match="origin"):
        web.check_request(HOST, origins=["app.example"])
