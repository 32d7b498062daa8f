"""Shapes: what is known of the tensors of a graph before it runs."""
