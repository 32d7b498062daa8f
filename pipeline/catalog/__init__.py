"""The types of `models.json`, and the entry of each model in it."""
