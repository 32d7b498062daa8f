"""Proof: what a model computes in its source and in TensorFlow.js, and how the two agree."""
