"""TensorFlow: the only package that imports it; all of it runs in child processes."""
