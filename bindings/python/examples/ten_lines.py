"""A login in ten lines: the example of README."""

import doorward

with doorward.Engine.open("sqlite:app.db", key_file="app.key", create_key_file=True) as engine:
    ada = engine.register("ada", "plum kettle orbit")
    try:
        login = engine.login("ada", "plum kettle orbit", label="Firefox")
    except doorward.Throttled as wait:
        raise SystemExit(f"come again in {wait.retry_after} s") from None
    token = login.session_token  # into a cookie: Secure; HttpOnly; SameSite=Lax; Path=/
    assert engine.authenticate(token).account == ada  # on every request
    engine.logout(token)  # durable when it returns; an exception means that it is not done
    print("ada was here")
