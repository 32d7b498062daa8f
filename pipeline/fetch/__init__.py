"""Fetches sources: a module for each kind of source, and the cache that they share."""
