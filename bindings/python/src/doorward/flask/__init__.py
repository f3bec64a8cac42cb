"""Doorward for Flask: server-side sessions, logins, logouts that last, and tokens for an API.

>>> from flask import Flask, session
>>> from doorward.flask import Doorward
>>> app = Flask(__name__)
>>> app.config["DOORWARD_STORE"] = "memory:"
>>> doorward = Doorward(app)
>>> @app.get("/count")
... def count():
...     session["count"] = session.get("count", 0) + 1
...     return str(session["count"])
>>> client = app.test_client()
>>> client.get("/count").text, client.get("/count").text
('1', '2')
>>> doorward.close(app)

Settings are ``app.config``'s, and are read by ``init_app``: ``DOORWARD_`` and the name of any argument of
:meth:`doorward.Engine.open` in capitals; and these.

========================= ======================================================================================= ===========
``DOORWARD_CHECK_ORIGIN`` whether requests that may change something must come from this site (CSRF)              ``True``
``DOORWARD_ORIGINS``      the site's origins: ``["https://app.example"]``                                         the host's
``DOORWARD_LOGIN_VIEW``   the endpoint to which who is not logged in is sent; without, the answer is 401          ``None``
========================= ======================================================================================= ===========
"""

from ._extension import Doorward
from ._session import ServerSession, ServerSessionInterface

__all__ = ["Doorward", "ServerSession", "ServerSessionInterface"]
