"""Operators of OpenVINO that ONNX lacks, in a domain of their own."""
