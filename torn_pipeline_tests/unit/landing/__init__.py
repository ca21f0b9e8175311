"""The landing on a real disk."""
