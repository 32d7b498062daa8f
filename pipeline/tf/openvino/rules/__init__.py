"""Rules: how operations of OpenVINO are said in operators of ONNX, a module for each family."""
