"""Sizes, lines, lists, suggestions and templates in words; it reads no file and knows no model."""
