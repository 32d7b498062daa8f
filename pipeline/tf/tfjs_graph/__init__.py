"""Graph models of TensorFlow.js, run by TensorFlow."""
