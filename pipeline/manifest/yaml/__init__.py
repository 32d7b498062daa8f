"""YAML with the place of each value, so that a fault can point at its line."""
