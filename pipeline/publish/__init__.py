"""Brings a built zoo to a folder or store, reads it back, and serves it on this machine."""
