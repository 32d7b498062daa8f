"""OpenVINO models: an IR (.xml with its .bin), read by OpenVINO, in the operators of ONNX."""
