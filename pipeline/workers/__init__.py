"""Workers: child processes that have TensorFlow imported, one job each."""
