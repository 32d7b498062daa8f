"""Optimize: passes that make a graph model run faster in TensorFlow.js."""
