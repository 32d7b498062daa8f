"""Compares every result, download and published file with its digest, for `doit check`."""
