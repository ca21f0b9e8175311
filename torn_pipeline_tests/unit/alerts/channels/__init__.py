"""Tests of the channels, each against a server of its protocol."""
