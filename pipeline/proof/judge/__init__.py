"""Judgement: how far outputs are from those of the source, and whether that is allowed."""
