"""The wall around every process that loads files of strangers."""
