"""Reports: what a person or a program sees of a run."""
