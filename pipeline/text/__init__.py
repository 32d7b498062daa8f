"""Text: sizes, lines, lists and templates in words. It reads no file and knows no model."""
