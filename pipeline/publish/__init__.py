"""Publishing: a built zoo brought to where people read it, and read back from there."""
