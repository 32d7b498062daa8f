"""Models of TensorFlow.js as files: model.json, topology, weights, signature."""
