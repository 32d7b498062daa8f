"""Runs a source and its variants on test vectors, and judges how far they are apart."""
