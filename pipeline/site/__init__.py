"""Writes the pages of a zoo and its loader for JavaScript."""
