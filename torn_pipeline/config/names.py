"""What a name in the config file may look like."""

from __future__ import annotations

__all__ = ["NAME"]

NAME = r"^[a-z][a-z0-9_]*$"
"""So that it can stand in a table's, an asset's and a variable's name."""
