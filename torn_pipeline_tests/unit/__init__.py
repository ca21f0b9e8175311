"""The plain packages, each by itself."""
