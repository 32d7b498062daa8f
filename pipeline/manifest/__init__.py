"""The manifest: models.yaml read, checked and turned into types."""
