"""The Dagster side, on real runs."""
