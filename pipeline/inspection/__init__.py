"""Inspection: what a model is, found out without building anything."""
