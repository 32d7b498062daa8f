"""The modules that import TensorFlow; they run in child processes only."""
