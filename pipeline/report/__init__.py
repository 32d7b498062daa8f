"""Shows people and programs how a run goes and how it ended."""
