"""Commands: what doit can do with a zoo beside running it."""
