"""What a web login needs besides the engine: the session's cookie, bearer tokens, where to send a browser back to, and whether
a request comes from this site.

Values in, values out, for any framework: nothing here needs an engine, or knows one.

``cookie`` says how the session's cookie is to be; ``None`` is :class:`Cookie`'s defaults.

``headers`` are a request's: a mapping of names to values, or pairs of them where a name may come twice. Case does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from . import errors
from ._given import text
from ._lent import Lent, milliseconds, of_type, secret
from ._native import ffi, lib

__all__ = [
    "Cookie",
    "bearer",
    "check_request",
    "clear_cookie",
    "is_logout_token",
    "logout_token",
    "read_cookie",
    "return_target",
    "set_cookie",
]

Headers = Mapping[str, str] | Iterable[tuple[str, str]]
RequestKind = Literal["write", "read", "link", "own-link"]

_KINDS = MappingProxyType(
    {
        "write": lib.DW_REQUEST_WRITE,
        "read": lib.DW_REQUEST_READ,
        "link": lib.DW_REQUEST_LINK,
        "own-link": lib.DW_REQUEST_OWN_LINK,
    }
)
_SAME_SITE = MappingProxyType({"lax": lib.DW_SAME_SITE_LAX, "strict": lib.DW_SAME_SITE_STRICT})
_FETCH_HEADERS = MappingProxyType(
    {
        "host": ("host",),
        "origin": ("origin",),
        "site": ("sec-fetch-site",),
        "mode": ("sec-fetch-mode",),
        "dest": ("sec-fetch-dest",),
        "user": ("sec-fetch-user",),
        # What older browsers have for it.
        "purpose": ("sec-purpose", "purpose", "x-purpose", "x-moz"),
    }
)


@dataclass(frozen=True)
class Cookie:
    """How the session's cookie is to be. It is always ``HttpOnly``.

    :raises ConfigError: no browser would keep such a cookie, or the name's prefix promises what it does not.

    >>> Cookie(name="__Secure-session", domain="example.com").path
    '/'
    >>> Cookie(domain="example.com")
    Traceback (most recent call last):
    doorward.errors.ConfigError: a `__Host-` cookie is Secure, of the path `/` and without a domain: change these, or the name
    """

    name: str = "__Host-session"
    """The whole name, prefix included."""
    path: str = "/"
    """The paths that it is sent to."""
    domain: str | None = None
    """The domain whose hosts all get it; ``None``: this host alone."""
    insecure: bool = False
    """Whether it travels over plain HTTP too, for development: ``Cookie(name="session", insecure=True)``."""
    same_site: Literal["Lax", "Strict"] = "Lax"
    """``"Strict"``: no link from elsewhere carries it, so who follows one seems logged out on the first page."""
    former: tuple[Cookie, ...] = ()
    """How it was in earlier versions of the application: those are cleared wherever this one is."""

    def __post_init__(self) -> None:
        try:
            clear_cookie(self)
        except errors.Refused as refused:
            wrong = errors.ConfigError(*refused.args)
            wrong.status = refused.status
            raise wrong from None


def set_cookie(token: str, max_age: float, cookie: Cookie | None = None) -> list[str]:
    """The values of the ``Set-Cookie`` headers that give a client this token: the first sets it, the others clear what the
    cookie was formerly.

    :param max_age: seconds from now to the session's absolute end: ``(session.absolute_ends - session.seen_at) / 1000``. The
        rest of a second is cut off.
    :raises Refused: the token has characters that no token has.

    >>> set_cookie("dws_abc", 86400)
    ['__Host-session=dws_abc; Max-Age=86400; Path=/; Secure; HttpOnly; SameSite=Lax']
    """
    lent = Lent()
    lifetime = milliseconds(max_age, "max_age")
    return _strings(lib.dw_cookie_set, _cookie(lent, cookie), *lent.secret(token, "the token"), lifetime)


def clear_cookie(cookie: Cookie | None = None) -> list[str]:
    """The values of the ``Set-Cookie`` headers that take the token away from a client.

    >>> clear_cookie(Cookie(name="session", insecure=True))
    ['session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax']
    """
    lent = Lent()
    return _strings(lib.dw_cookie_clear, _cookie(lent, cookie))


def read_cookie(headers: Headers, cookie: Cookie | None = None) -> str | None:
    """The token in a request's ``Cookie`` headers, or ``None``.

    :raises Refused: two cookies have this name, and nobody knows which of them is meant; or there are more than are read.

    >>> read_cookie({"Cookie": "theme=dark; __Host-session=dws_abc"})
    'dws_abc'
    >>> read_cookie({"Cookie": "__Host-session=dws_abc; __Host-session=dws_abd"})
    Traceback (most recent call last):
    doorward.errors.Refused: two cookies have the session's name: delete this site's cookies, and log in again
    """
    lent = Lent()
    return _string_if(lib.dw_cookie_read, _cookie(lent, cookie), *_texts(lent, _values(headers, "cookie")))


def bearer(headers: Headers) -> str | None:
    """The token in a request's ``Authorization`` header (RFC 6750, section 2.1); ``None`` when there is none of the scheme
    ``Bearer``.

    :raises Refused: there are several headers, or what follows ``Bearer`` is not one token.

    >>> bearer({"Authorization": "Bearer ey.a.b"})
    'ey.a.b'
    >>> bearer({"Authorization": "Basic YWRhOng="}) is None
    True
    """
    lent = Lent()
    return _string_if(lib.dw_bearer, *_texts(lent, _values(headers, "authorization")))


def return_target(target: str | None) -> str:
    """Where a browser may be sent after a login or a logout: the target, when it is a path of this site. ``None`` is ``/``.

    :raises Refused: it could lead away; ``/`` is safe.

    >>> return_target("/basket?open=1")
    '/basket?open=1'
    >>> return_target("//evil.example")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    doorward.errors.Refused: a return target is a path of this site: ...
    """
    if target is None:
        return "/"
    if not isinstance(target, str):
        raise of_type(target, "target", "str")
    lent = Lent()
    return _string_if(lib.dw_return_target, *lent.bytes(target.encode("utf-8", "surrogatepass"))) or "/"


def logout_token(session_token: str) -> str:
    """The token of a link that logs out by ``GET``, for pages of the session whose token this is. Who finds it may end that
    session, and no more.

    >>> is_logout_token(logout_token("dws_abc"), "dws_abc")
    True
    """
    lent = Lent()
    return _string_if(lib.dw_logout_token, *lent.secret(session_token, "the session's token")) or ""


def is_logout_token(token: str, session_token: str) -> bool:
    """Whether this is the link's token for that session; ``False`` for whatever is none.

    >>> is_logout_token("guess", "dws_abc")
    False
    """
    given, session = secret(token), secret(session_token, "the session's token")
    return bool(lib.dw_is_logout_token(given, len(given), session, len(session)))


def check_request(headers: Headers, kind: RequestKind = "write", origins: Sequence[str] = ()) -> None:
    """Checks where a request comes from, by what browsers say of it (``Origin``, fetch metadata). No page can forge that.

    :param kind: ``"write"``: it changes something, and a page of this site must have sent it. ``"read"``: no page of another
        site may have sent it. ``"link"``: it logs out by ``GET``, and a person must have followed it on a page of this site.
        ``"own-link"``: the same with a :func:`logout_token`, and a page must be opened with it.
    :param origins: the site's own, as browsers write them: ``("https://app.example",)``. None: that of ``Host`` over TLS.
    :raises Refused: with the status 403: it is not known to come from this site.

    >>> check_request({"Host": "app.example", "Origin": "https://app.example"})
    >>> check_request({"Host": "app.example", "Origin": "https://evil.example"})
    Traceback (most recent call last):
    doorward.errors.Refused: the request comes from another site
    """
    number = _KINDS.get(kind)
    if number is None:
        raise errors.Misuse(f"kind must be one of {', '.join(map(repr, _KINDS))}, not {kind!r}")
    lent = Lent()
    pairs = list(_pairs(headers))
    said = lent.keep(ffi.new("dw_fetch_headers *", {"size": ffi.sizeof("dw_fetch_headers")}))
    for member, names in _FETCH_HEADERS.items():
        values = next(filter(None, ([value for name, value in pairs if name == wanted] for wanted in names)), None)
        if values:
            # One that comes several times says nothing, which is what an empty text stands for.
            setattr(said, member, lent.bytes(values[0] if len(values) == 1 else b""))
    ours, count = lent.texts(origins, "origins") if origins else (ffi.NULL, 0)
    _call(lib.dw_check_request, said, number, ours, count)


# The library's forms of these.


def _cookie(lent: Lent, cookie: Cookie | None) -> Any:
    if cookie is None:
        return ffi.NULL
    if not isinstance(cookie, Cookie):
        raise of_type(cookie, "cookie", "a doorward.web.Cookie")
    same_site = _SAME_SITE.get(cookie.same_site.lower()) if isinstance(cookie.same_site, str) else None
    if same_site is None:
        raise errors.ConfigError(f'same_site must be "Lax" or "Strict", not {cookie.same_site!r}')
    former = [_cookie(lent, one) for one in cookie.former]
    return lent.keep(
        ffi.new(
            "dw_cookie *",
            {
                "size": ffi.sizeof("dw_cookie"),
                "name": lent.text(cookie.name, "the cookie's name"),
                "path": lent.text(cookie.path, "the cookie's path"),
                "domain": lent.text(cookie.domain, "the cookie's domain"),
                "insecure": int(bool(cookie.insecure)),
                "same_site": same_site,
                "former": lent.keep(ffi.new("dw_cookie *[]", former)) if former else ffi.NULL,
                "former_count": len(former),
            },
        )
    )


def _pairs(headers: Headers) -> Iterator[tuple[str, bytes]]:
    """Names in lower case, and the bytes that were sent: servers show those as Latin-1."""
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        if not isinstance(name, str):
            raise of_type(name, "the name of a header", "str")
        if not isinstance(value, str):
            raise of_type(value, "the value of a header", "str")
        try:
            sent = value.encode("latin-1")
        except UnicodeEncodeError:
            sent = value.encode("utf-8", "surrogatepass")
        yield name.lower(), sent


def _values(headers: Headers, wanted: str) -> list[bytes]:
    return [value for name, value in _pairs(headers) if name == wanted]


def _texts(lent: Lent, values: list[bytes]) -> tuple[Any, int]:
    return lent.keep(ffi.new("dw_text[]", [lent.bytes(value) for value in values])), len(values)


def _call(call: Any, *arguments: Any) -> None:
    error = ffi.new("dw_error **")
    status = call(*arguments, error)
    if status:
        raise errors.raised(status, error, 0)


def _string_if(call: Any, *arguments: Any) -> str | None:
    out = ffi.new("dw_string **")
    _call(call, *arguments, out)
    if not out[0]:
        return None
    try:
        return text(out[0].text)
    finally:
        lib.dw_string_free(out[0])


def _strings(call: Any, *arguments: Any) -> list[str]:
    out = ffi.new("dw_strings **")
    _call(call, *arguments, out)
    try:
        return [text(out[0].items[i]) for i in range(out[0].count)]
    finally:
        lib.dw_strings_free(out[0])
