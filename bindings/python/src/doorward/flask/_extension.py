"""The extension: what views call."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, TypeVar, overload
from urllib.parse import urlsplit

from flask import Flask, Response, after_this_request, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Unauthorized
from werkzeug.urls import iri_to_uri

from .. import web
from .._client import address
from ..engine import Engine
from ..errors import Error, Misuse, Refused, SessionGone
from ..results import Login, Session, Tokens
from ._errors import InsufficientScope, http_exception, no_bearer
from ._session import OF_THE_REQUEST, ServerSession, ServerSessionInterface
from ._settings import Site

F = TypeVar("F", bound=Callable[..., Any])

_NAME = "doorward"
_ANY_ORIGIN = "_doorward_any_origin"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[1-9][0-9]{0,4})?")


class Doorward:
    """Doorward in Flask applications: ``Doorward(app)``, or ``Doorward()`` and ``init_app(app)``.

    Views call it during a request; it works on the application that handles the request. This package's exceptions are answered
    with their HTTP status, unless the application has handlers of its own for them.
    """

    def __init__(self, app: Flask | None = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Gives an application, whose configuration is complete, these sessions. No engine is opened yet.

        :raises ConfigError: with a sentence that says what to change.
        """
        if _NAME in app.extensions:
            raise Misuse("this application has doorward already: call init_app once")
        site = Site(app)
        app.extensions[_NAME] = site
        app.session_interface = ServerSessionInterface(site)
        # The application may have one by now.
        app.error_handler_spec[None][None].setdefault(Error, self._answer)
        app.before_request(self._check_origin)
        app.context_processor(lambda: {_NAME: self})

    @property
    def engine(self) -> Engine:
        """The engine of the present application in this process: :class:`doorward.Engine`, for whatever is not here. What gives
        the session another token is here, because the client must be told."""
        return self._site.engine

    def close(self, app: Flask | None = None) -> None:
        """Closes the engine; the next use opens another. The end of the process does so, too."""
        site: Site = (app or current_app).extensions[_NAME]
        site.close()

    # Accounts and sessions.

    def register(self, name: str, password: str) -> str:
        """Signs a person up, and gives the account's id: :meth:`doorward.Engine.register` for this client's address."""
        return self.engine.register(name, password, address(request.remote_addr))

    def login(self, name: str, password: str, remember: bool = False, *, scope: str | None = None) -> Login:
        """Logs a person in: the session gets another token, and what a guest had in it goes along. Take that for a stranger's:
        somebody else may have put the guest's session into this browser.

        :param remember: whether the session is permanent, for ``PERMANENT_SESSION_LIFETIME``.
        :param scope: what tokens of this session may be granted at most.
        :raises Denied: name or password is wrong.
        :raises Throttled: too many guesses.
        :raises MustChange: the password is right, and known to others.
        :raises Refused: somebody else is logged in there: log them out first.
        """
        session = self._session
        session.end_cleared()
        login = self.engine.login(
            name,
            password,
            source=address(request.remote_addr),
            label=request.user_agent.string or None,
            lifetime="remembered" if remember else "web",
            previous=session.token,
            scope=scope,
            carry_data=True,
        )
        session.replaced(login.session_token)
        session.permanent = remember
        return login

    def logout(self) -> None:
        """Ends the session for good, durably, and clears the cookie; so it does with one that was cleared before. When it
        raises, the cookie is kept: try again."""
        session = self._session
        session.end_cleared()
        if session.token is not None:
            with suppress(SessionGone):
                self.engine.logout(session.token)
        session.ended()

    def logout_everywhere(self, keep_this: bool = False) -> None:
        """Ends every session of the person who is logged in; or every other one.

        :raises SessionGone: nobody is logged in.
        """
        session, account = self._session, self._live().account
        token = self.engine.logout_everywhere(account, session.token if keep_this else None)
        if token is None:
            session.ended()
        else:
            session.renewed(token)

    def change_password(self, current: str, new: str) -> None:
        """Changes the password of the person who is logged in. Every other session of theirs is over.

        :raises Denied: the current one is wrong.
        :raises WeakPassword: the new one cannot be one.
        :raises SessionGone: nobody is logged in.
        """
        token = self.engine.change_password(self._token, current, new, address(request.remote_addr))
        self._session.renewed(token)

    def reauthenticate(self, password: str) -> None:
        """Proves the password again, before what is sensitive: ``doorward.current.fresh(600)`` says whether it is time.

        :raises Denied: it is wrong.
        :raises SessionGone: nobody is logged in.
        """
        self._session.renewed(self.engine.reauthenticate(self._token, password, address(request.remote_addr)))

    def rotate(self) -> None:
        """Gives the session another token, a guest's too; the former one is dead. For rights that your own code notes in
        ``session``: who had put a session into this browser does not share them.

        :raises SessionGone: there is no session, or it has ended.
        """
        self._session.renewed(self.engine.rotate_session(self._token))

    @property
    def current(self) -> Session | None:
        """The session of the person who is logged in, as the store has it in this request; ``None`` for guests."""
        details = self._session.details
        return details if isinstance(details, Session) else None

    @property
    def current_account(self) -> str | None:
        """The id of the account that is logged in, or ``None``."""
        current = self.current
        return current.account if current is not None else None

    def login_required(self, view: F) -> F:
        """A view for those who are logged in. Others are sent to ``DOORWARD_LOGIN_VIEW``, with where to return to as ``next``;
        or get a 401."""

        @wraps(view)
        def guarded(*arguments: Any, **named: Any) -> Any:
            if self.current is None:
                return self._ask_login()
            return current_app.ensure_sync(view)(*arguments, **named)

        return guarded  # type: ignore[return-value]

    def return_target(self, default: str = "/") -> str:
        """Where to go after a login: the request's ``next``, when it is a path of this site, else ``default``."""
        target = request.values.get("next")
        try:
            return web.return_target(target) if target else default
        except Refused:
            return default

    # Tokens for an API.

    def issue(
        self,
        audience: str | list[str] | None = None,
        scope: str | None = None,
        claims: dict[str, Any] | None = None,
        refresh: bool = False,
    ) -> Tokens:
        """Issues an access token for the person who is logged in: :meth:`doorward.Engine.issue`. No cache keeps the response.

        :raises SessionGone: nobody is logged in.
        """
        tokens = self.engine.issue(self._token, audience=audience, scope=scope, claims=claims, refresh=refresh)

        @after_this_request
        def not_kept(response: Response) -> Response:
            response.cache_control.no_store = True
            return response

        return tokens

    def verify(self, audience: str | None = None) -> dict[str, Any]:
        """The claims of the request's bearer token.

        :raises TokenInvalid: it is not accepted.
        :raises Refused: the ``Authorization`` header is not one bearer token.
        """
        token = web.bearer(request.headers)
        if token is None:
            raise no_bearer()
        return self.engine.verify(token, audience)

    @overload
    def bearer_required(self, view: F) -> F: ...

    @overload
    def bearer_required(self, *, scope: str | None = None, audience: str | None = None) -> Callable[[F], F]: ...

    def bearer_required(self, view: F | None = None, *, scope: str | None = None, audience: str | None = None) -> Any:
        """A view for those with a bearer token, whose claims are in ``g.claims``. The cookie counts for nothing there, so pages
        of other sites may call it.

        :param scope: words that the token must grant, all of them: ``@doorward.bearer_required(scope="read")``.
        """
        wanted = frozenset((scope or "").split())

        def guard(view: F) -> F:
            @wraps(view)
            def guarded(*arguments: Any, **named: Any) -> Any:
                g.claims = self.verify(audience)
                if not wanted <= frozenset(g.claims.get("scope", "").split()):
                    raise InsufficientScope(" ".join(sorted(wanted)))
                return current_app.ensure_sync(view)(*arguments, **named)

            return self.any_origin(guarded)  # type: ignore[return-value]

        return guard if view is None else guard(view)

    # Cross-site requests.

    def any_origin(self, view: F) -> F:
        """A view that takes writes of any origin: one that proves by itself who asks, as a webhook's signature does. Put it
        under the route."""
        setattr(view, _ANY_ORIGIN, True)
        return view

    def _check_origin(self) -> None:
        site = self._site
        view = current_app.view_functions.get(request.endpoint or "")
        if request.method in _SAFE_METHODS or not site.checks_origin or getattr(view, _ANY_ORIGIN, False):
            return
        # Without cookies nobody's rights ride along; another site's page must not log anybody in, either.
        kind: web.RequestKind = "write" if "Cookie" in request.headers else "read"
        origins = site.origins
        if not origins and request.scheme == "http" and _LOOPBACK.fullmatch(request.host):
            origins = (f"http://{request.host}",)
        web.check_request(request.headers, kind, origins)

    # Answers.

    def _ask_login(self) -> ResponseReturnValue:
        view = self._site.login_view
        if view is None:
            raise Unauthorized("log in first")
        target = None
        if request.method in {"GET", "HEAD"}:
            asked = urlsplit(iri_to_uri(request.url))
            path = asked.path + (f"?{asked.query}" if asked.query else "")
            with suppress(Refused):
                target = web.return_target(path)
        return redirect(url_for(view, next=target), 303)

    def _answer(self, error: Error) -> ResponseReturnValue:
        if error.http_status == 500:
            raise error
        if isinstance(error, SessionGone) and self._site.login_view is not None:
            return self._ask_login()
        if error.http_status == 503:
            current_app.logger.error("%s: %s", error.status, error)
        return current_app.handle_http_exception(http_exception(error))

    # What it works on.

    @property
    def _site(self) -> Site:
        site = current_app.extensions.get(_NAME)
        if site is None:
            raise Misuse("this application has no doorward: call init_app(app)")
        return site  # type: ignore[no-any-return]

    @property
    def _session(self) -> ServerSession:
        session: ServerSession | None = getattr(request, OF_THE_REQUEST, None)
        if session is None:
            raise Misuse("the application's session_interface was replaced: doorward.flask needs its own")
        return session

    @property
    def _token(self) -> str:
        return self._session.token or ""

    def _live(self) -> Session:
        return self.engine.authenticate(self._token)
