"""Validation, and what it keeps for the load."""
