"""Samples: real pictures, sounds, texts and tables, small and freely licensed (LICENSES.md)."""
