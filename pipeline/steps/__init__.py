"""The steps, a file each, and the graph of the jobs that they make of a manifest."""
