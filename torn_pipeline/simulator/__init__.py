"""A stateful Torn City API on loopback, for the demo and the tests.

Here belongs a small world and the HTTP server that shows it as the API would. It imports nothing of
the rest of the package, so that what it answers owes nothing to the contracts. ``cli`` and tests may
import it.
"""
