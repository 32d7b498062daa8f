"""ONNX files: read, built as a graph of TensorFlow, and run by ONNX Runtime."""
