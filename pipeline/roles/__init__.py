"""Roles: what each output of a model is for, told by evidence and never guessed."""
