"""Lowering: ops that TensorFlow.js lacks, rewritten into those that it has."""
