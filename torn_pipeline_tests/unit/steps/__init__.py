"""Steps of the road, as far as they are arithmetic."""
