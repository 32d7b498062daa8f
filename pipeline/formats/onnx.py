"""ONNX models: one protobuf file (.onnx). They are recognized, not converted."""

from pipeline.formats.format import Format

# Protobuf has no mark to tell it by.
ONNX = Format(
    name="onnx",
    title="ONNX model",
    suffixes=(".onnx",),
    hint="export a SavedModel from the original framework, or with onnx2tf, and take that "
    "as the source",
)
