"""OpenVINO models: an XML file (.xml) with the graph, and a .bin beside it with its constants."""

from pipeline.formats.format import FUNCTION_FLAGS, GRAPH, TENSORFLOW_TOOLS, Format, Route
from pipeline.formats.model_files import ModelFiles
from pipeline.formats.openvino_xml import SUFFIX, read_version

_BEGINNINGS = (b"<", b"\xef\xbb\xbf")


def _looks_like(files: ModelFiles) -> bool:
    return files.head.lstrip().startswith(_BEGINNINGS) and read_version(files.path) is not None


OPENVINO = Format(
    name="openvino",
    title="OpenVINO model",
    expected="an OpenVINO model (.xml with its .bin)",
    outputs={
        GRAPH: Route(
            convert="pipeline.tf.openvino.convert_openvino:convert_openvino",
            refer="pipeline.tf.openvino.openvino_reference:run_openvino",
            tools=(*TENSORFLOW_TOOLS, "onnx", "openvino"),
            flags=FUNCTION_FLAGS,
        )
    },
    # Many an .xml is something else.
    shared_suffixes=(SUFFIX,),
    looks_like=_looks_like,
    extra="openvino",
)
