"""What the config file may say, and what is said when it is wrong."""
