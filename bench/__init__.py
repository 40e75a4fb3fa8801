"""What the service does a second, how fast and at what cost, beside the least code that does the same work."""
