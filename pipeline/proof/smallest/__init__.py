"""Searches the smallest mix of forms in which a model still passes."""
