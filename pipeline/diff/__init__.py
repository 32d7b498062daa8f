"""Compares two catalogs of a zoo and explains the changes."""
