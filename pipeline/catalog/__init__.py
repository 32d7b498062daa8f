"""The catalog: what `models.json` says of each model, and what can be said of it."""
