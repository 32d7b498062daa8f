"""Describes a model without building anything, for `doit inspect`."""
