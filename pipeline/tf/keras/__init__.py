"""Keras files and layers models converted and run."""
