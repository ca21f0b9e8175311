"""What operators read: logging."""
