"""Frozen graphs (GraphDef files) converted and run."""
