"""Models of TensorFlow.js: files, rewrites, quantized variants, layers, with numpy alone."""
