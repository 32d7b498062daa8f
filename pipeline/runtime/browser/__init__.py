"""Runs models in TensorFlow.js in a headless browser."""
