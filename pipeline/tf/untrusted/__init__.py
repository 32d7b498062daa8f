"""Checks the effects of an untrusted graph before it runs."""
