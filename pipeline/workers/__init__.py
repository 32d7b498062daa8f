"""Child processes with TensorFlow, one job each, and the limits that they have."""
