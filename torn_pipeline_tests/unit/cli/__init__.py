"""The console script's own parts."""
