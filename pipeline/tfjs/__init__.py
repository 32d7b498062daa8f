"""TensorFlow.js files: model.json, weights and their quantization, with numpy alone."""
