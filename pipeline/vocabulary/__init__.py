"""The field's words for outputs: roles, families of models with their tasks, and conventions."""
