"""Confines every process that opens files of strangers."""
