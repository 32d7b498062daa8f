"""Test inputs of a model: made from its signature, or read from the files of `test_inputs:`."""
