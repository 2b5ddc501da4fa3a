"""Find, start and call the daemon from another process."""
