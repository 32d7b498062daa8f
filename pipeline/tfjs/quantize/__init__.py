"""Quantized variants of a model."""
