"""Benchmarks, as ratios measured side by side in one run: ``make bench``.

Here belongs what shows that the pipeline is fast and stays so. Not here: tests; nothing here fails.
Absolute seconds depend on the machine and are shown only to say what a ratio is made of.
"""
