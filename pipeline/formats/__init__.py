"""The formats of models, a file each: how files are recognized, and the routes to TensorFlow.js."""
