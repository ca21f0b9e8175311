"""What checks say of themselves."""
