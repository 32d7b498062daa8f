"""Layers models, written from a Keras model."""
