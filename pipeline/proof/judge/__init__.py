"""Judgement: measures how far outputs are from the source's, and compares with the limits."""
