"""The options of tensorflowjs_converter: what they are called here, and how one is imported."""
