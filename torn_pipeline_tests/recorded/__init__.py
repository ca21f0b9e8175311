"""Real responses of the API against a naive reference."""
