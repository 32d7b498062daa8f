"""Test inputs: what they look like, where they come from, how a model takes them."""
