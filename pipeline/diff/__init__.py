"""What changed between two catalogs of a zoo, and why."""
