"""All that imports TensorFlow; it runs in child processes only."""
