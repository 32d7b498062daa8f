"""Sources: one module per kind of source, and the cache they share."""
