"""Evidence: rules that claim roles of outputs from shapes, values, names and the graph."""
