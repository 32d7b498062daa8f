"""One frozen class for each JSON file that a step leaves for the steps after it."""
