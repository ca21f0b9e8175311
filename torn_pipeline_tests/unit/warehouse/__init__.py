"""Tests of one warehouse alone; what all of them must do is in ``conformance``."""
