"""Addresses: what a `source:` in the manifest means."""
