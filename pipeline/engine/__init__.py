"""Runs steps, keeps their receipts and outcomes, and knows what still stands; it knows no model."""
