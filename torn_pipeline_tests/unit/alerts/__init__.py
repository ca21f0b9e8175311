"""Tests of incidents, rules, and the messages about them."""
