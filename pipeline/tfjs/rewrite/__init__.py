"""Rewrites graphs that TensorFlow.js would run wrongly or not at all."""
