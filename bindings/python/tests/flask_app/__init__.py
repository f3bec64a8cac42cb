"""``doorward.flask`` against real Flask."""
