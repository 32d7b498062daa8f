"""Reads and checks models.yaml, and turns it into types."""
