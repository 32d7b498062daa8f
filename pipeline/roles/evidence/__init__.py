"""Evidence: what shapes, values and structure say of the role of an output."""
