"""Keeps results of steps where other machines find them: in a folder or an object store."""
