"""Formats of models: told by their files, and the way from each to what is published."""
