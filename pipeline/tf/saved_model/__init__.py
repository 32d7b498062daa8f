"""SavedModels converted and run."""
