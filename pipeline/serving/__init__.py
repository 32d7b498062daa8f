"""Serving of dist/ on this machine: `doit serve`."""
