"""ONNX models: one protobuf file (.onnx), which may have its data beside it."""

from pipeline.formats.format import FUNCTION_FLAGS, GRAPH, TENSORFLOW_TOOLS, Format, Route
from pipeline.formats.model_files import ModelFiles
from pipeline.formats.onnx_wire import SUFFIX, begins_like_model

_TOOLS = (*TENSORFLOW_TOOLS, "onnx")


def _looks_like(files: ModelFiles) -> bool:
    return begins_like_model(files.head, files.size)


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
    suffixes=(SUFFIX,),
    looks_like=_looks_like,
)
