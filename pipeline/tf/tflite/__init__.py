"""TensorFlow Lite models converted and run."""
