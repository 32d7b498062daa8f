"""The audit: whether all that a zoo keeps is what it was when it was made, by digest."""
