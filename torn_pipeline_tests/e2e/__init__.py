"""The whole road, from the simulator to the tables."""
