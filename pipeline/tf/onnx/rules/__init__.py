"""The operators of ONNX, by what they compute: a rule each."""
