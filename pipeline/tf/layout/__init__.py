"""Tensors with the order in which their axes are held, for importers of channels-first formats."""
