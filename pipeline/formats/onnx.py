"""ONNX models: one protobuf file (.onnx), which may have its data beside it."""

from pipeline.formats.format import FUNCTION_FLAGS, GRAPH, TENSORFLOW_TOOLS, Format, Route

_TOOLS = (*TENSORFLOW_TOOLS, "onnx")

ONNX = Format(
    name="onnx",
    title="ONNX model",
    expected="an ONNX model (.onnx)",
    outputs={
        GRAPH: Route(
            convert="pipeline.tf.onnx.convert_onnx:convert_onnx",
            refer="pipeline.tf.onnx.onnx_reference:run_onnx",
            tools=_TOOLS,
            refer_tools=(*_TOOLS, "onnxruntime"),
            flags=FUNCTION_FLAGS,
        )
    },
    # Protobuf has no mark to tell it by.
    suffixes=(".onnx",),
)
