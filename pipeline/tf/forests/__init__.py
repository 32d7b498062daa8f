"""Decision forests of TensorFlow Decision Forests and YDF, as plain ops."""
