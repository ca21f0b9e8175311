"""The simulator: its world, what the API answers, its server and its faults."""
