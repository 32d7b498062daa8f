"""Files that are whole or absent, canonical JSON, the layout of a zoo, its lock."""
