"""Flask's sessions, kept by the engine: the cookie holds a token, and the data stays in the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal

from flask import Flask, Request, Response, after_this_request
from flask.json.tag import TaggedJSONSerializer
from flask.sessions import SessionInterface, SessionMixin

from .._contended import persistent
from ..errors import Error, Misuse, SessionGone
from ..results import AnySession
from ..web import read_cookie
from ._settings import Site

OF_THE_REQUEST = "_doorward_session"

_serializer = TaggedJSONSerializer()


class ServerSession(SessionMixin):
    """The session of one request: ``flask.session``.

    It is read from the store when something first asks for it. What is changed in it is written after the view has returned, in
    one piece: of two requests at once the later one's stands. A change inside a value needs ``session.modified = True``.

    :meth:`clear` ends the session for good, as a logout does.

    Answers may arrive in any order, and the client's cookie may be the next login's by then. So the cookie is touched by what
    begins a session, renews it or ends it on purpose, and by a change of how long the client is to keep it; by no other write,
    and by no token that is refused.
    """

    modified = False

    def __init__(self, site: Site, request: Request) -> None:
        self._site = site
        self._request = request
        self._token: str | None = None
        self._is_token_read = False
        self._data: dict[str, Any] | None = None
        self._details: AnySession | None = None
        self._was_permanent = False
        self._to_end: str | None = None
        self._cleared: tuple[dict[str, Any] | None, AnySession | None] = None, None
        """What was in it when it was cleared."""
        self.cookie: Literal["set", "clear"] | None = None
        """What is to become of the client's cookie."""

    # A mapping.

    def __getitem__(self, key: str) -> Any:
        return self._loaded()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._loaded()[key] = value
        self.modified = True

    def __delitem__(self, key: str) -> None:
        del self._loaded()[key]
        self.modified = True

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded())

    def __len__(self) -> int:
        return len(self._loaded())

    def __repr__(self) -> str:
        return f"<{type(self).__qualname__}>"

    def clear(self) -> None:
        """Empties it and ends the session behind it, a login's too: when the request is done, or before a login or a logout
        that follows. What is put into it afterwards is kept in another session, under another token."""
        if self.token is not None:
            self._to_end, self._cleared = self.token, (self._data, self._details)
        self._forget()
        self.modified = True

    @property
    def permanent(self) -> bool:
        """Whether its cookie outlives the browser. To set what it is already writes nothing: a hook may do so with each
        request."""
        return bool(self.get("_permanent", False))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        if self.permanent != bool(value):
            self["_permanent"] = bool(value)

    # What is behind it.

    @property
    def new(self) -> bool:  # type: ignore[override]
        """Whether there is no session in the store for it yet."""
        self._loaded()
        return self._token is None

    @property
    def token(self) -> str | None:
        """The session's token; one that opens nothing is found out when the session is read."""
        if not self._is_token_read:
            self._token = read_cookie(self._request.headers, self._site.cookie())
            self._is_token_read = True
        return self._token

    @property
    def details(self) -> AnySession | None:
        """The live session, a guest's too."""
        self._loaded()
        return self._details

    def _loaded(self) -> dict[str, Any]:
        if self._data is not None:
            return self._data
        self.accessed = True
        data: dict[str, Any] = {}
        if self.token is not None:
            try:
                kept = self._site.engine.session_data(self.token)
            except SessionGone:
                # Never adopted: what is put into it is kept under another token.
                self._forget()
            else:
                self._details = kept.session
                data = _parsed(kept.data)
                self._was_permanent = bool(data.get("_permanent", False))
        self._data = data
        return data

    def _forget(self) -> None:
        self._token, self._is_token_read, self._details, self._data = None, True, None, {}
        self.modified = False

    def ended(self) -> None:
        """The client has ended it, durably."""
        self._forget()
        self.cookie = "clear"

    def replaced(self, token: str) -> None:
        """A login has replaced it. A guest's data went along; what this request has changed in it is yet to be written."""
        is_guests = self._details is None or self._details.account is None
        if not (self.modified and is_guests):
            self._data, self.modified = None, False
        self.renewed(token)

    def renewed(self, token: str) -> None:
        """It goes on under another token."""
        self._token, self._is_token_read = token, True
        self.cookie = "set"
        if self._data is None:
            self._loaded()
        else:
            self._details = self._site.engine.session_data(token).session

    # Keeping it.

    def end_cleared(self) -> None:
        """Ends the session that was cleared, durably."""
        if self._to_end is None:
            return
        with suppress(SessionGone):
            self._site.engine.logout(self._to_end)
        self._to_end = None
        if self._token is None:
            self.cookie = "clear"

    def keep(self) -> None:
        """Writes what is to be written, durably. After an exception nothing more is tried."""
        try:
            self.end_cleared()
            if self.modified:
                self._keep(self._loaded())
        except SessionGone:
            self._forget()
            raise
        except BaseException:
            if self._to_end is not None:
                # It lives on: the client keeps its token, or gets it where this request has renewed it.
                self._token, self._to_end = self._to_end, None
                self._data, self._details = self._cleared
            raise
        finally:
            self.modified = False

    def _keep(self, data: dict[str, Any]) -> None:
        engine = self._site.engine
        has_account = self._details is not None and self._details.account is not None
        lifetime = None if has_account else self._site.guest_lifetime(self.permanent)
        if self._token is None:
            if data:
                agent = self._request.user_agent.string
                self.renewed(engine.open_session(_written(data), lifetime, agent or None))
        elif data or has_account:
            token, written = self._token, _written(data)
            self._details = persistent(lambda: engine.update_session_data(token, written, lifetime))
            if self.permanent != self._was_permanent:
                self.cookie = "set"
        else:
            engine.logout(self._token)
            self._forget()

    def max_age(self) -> int | None:
        """How many seconds the client is to keep the cookie, when it is permanent: to the latest end that the session can have;
        ``None``: until the browser is closed."""
        details = self._details
        if self._data is None or details is None or not self.permanent:
            return None
        ends = details.absolute_ends
        if details.account is None:
            # A guest's session lives on from each change, and no change sets the cookie anew.
            ends = max(ends, details.created + self._site.longest_guest_ms)
        return max(0, ends - details.seen_at) // 1000


def _written(data: dict[str, Any]) -> bytes:
    return _serializer.dumps(data).encode() if data else b""


def _parsed(kept: bytes) -> dict[str, Any]:
    if not kept:
        return {}
    try:
        data = _serializer.loads(kept.decode())
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise Misuse("what is kept with this session was not written by doorward.flask: give each application its own store")
    return data


class ServerSessionInterface(SessionInterface):
    """Flask's interface to them. It needs no ``SECRET_KEY``."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def get_cookie_samesite(self, app: Flask) -> str | None:
        """``Lax``, unless ``SESSION_COOKIE_SAMESITE`` says otherwise."""
        return super().get_cookie_samesite(app) or "Lax"

    def open_session(self, app: Flask, request: Request) -> ServerSession:
        session = ServerSession(self._site, request)
        # For the extension: to ask Flask for it would count as an access to its data.
        setattr(request, OF_THE_REQUEST, session)

        @after_this_request
        def keep(response: Response) -> Response:
            # Before save_session, which cannot answer that it was not done.
            try:
                session.keep()
            except Error as error:
                return app.make_response(app.handle_user_exception(error))
            return response

        return session

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not isinstance(session, ServerSession):
            raise Misuse("the session is none of doorward.flask's: do not replace what open_session gives")
        session.keep()
        if session.accessed or session.cookie:
            response.vary.add("Cookie")
        name, token = self.get_cookie_name(app), session.token if session.cookie else None
        attributes: dict[str, Any] = {
            "path": self.get_cookie_path(app),
            "domain": self.get_cookie_domain(app),
            "secure": self.get_cookie_secure(app),
            "httponly": self.get_cookie_httponly(app),
            "samesite": self.get_cookie_samesite(app),
            "partitioned": self.get_cookie_partitioned(app),
        }
        if session.cookie == "set" and token is not None:
            response.set_cookie(name, token, max_age=session.max_age(), **attributes)
        elif session.cookie == "clear":
            response.delete_cookie(name, **attributes)
