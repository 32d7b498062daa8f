"""Finds the role of each output (boxes, scores, classes), with the evidence."""
