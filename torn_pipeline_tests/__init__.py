"""The tests of torn_pipeline: unit, dagster, conformance, faults, recorded, e2e and architecture."""
