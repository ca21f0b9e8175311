"""Kills, broken servers and bad input."""
