"""The package's engines, held to the model that the engine in Rust is held to.

Hypothesis chooses what clients, administrators and time do. A judge (``fuzz/src/bin/judge.rs`` of the Rust workspace) runs
each operation beside the package, by its bare state machine on rows of its own, and holds it against the model in
``fuzz/src/model``. The package makes the same call, with the same clock and the same random bytes. So every id, token and
time that the package gives must be the one that the model has found right, byte for byte.

=============== ==========================================================================
``actions.py``  what there is to choose
``machine.py``  the state machine that chooses it
``judge.py``    the judge's process
``host.py``     calls of an engine, and their answers as the judge reads them
``stores.py``   the engines: ``memory``, ``sqlite``, ``sled``, and ``AsyncEngine`` on ``rows.py``
``rows.py``     a store of a host's own: rows in memory
=============== ==========================================================================
"""
