"""The targets of a publish: folders and stores, and the lock or lease of a publisher."""
