"""Contracts, naming, values and the normaliser, on small contracts made by hand."""
