"""Runs models in the real TensorFlow.js, under Node.js."""
