"""Lowering: rewrites ops that TensorFlow.js lacks into ops that it has."""
