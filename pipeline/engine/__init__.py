"""The engine: steps, their receipts and outcomes, and what still stands. It knows no model."""
