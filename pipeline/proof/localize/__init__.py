"""Finds the first node of a graph whose value is wrong in TensorFlow.js."""
