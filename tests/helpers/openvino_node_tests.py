"""The node tests of the ONNX standard as OpenVINO reads and saves them, through the importer.

OpenVINO converts each test's model and saves it as IR; the IR is imported. Inputs become constants
of the ONNX file where OpenVINO, or the importer, needs them while the graph is built. Where the
result is not what the standard asks for, OpenVINO's own result decides: a file is right where it
computes what OpenVINO computes.
"""

import dataclasses
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino
from onnx import numpy_helper
from onnx_node_tests import NodeTest, compare, ways
from run_cases import write_inputs

from pipeline.errors import PipelineError
from pipeline.records.flags import ConversionFlags
from pipeline.tfjs.model.model_json import format_model_json, load_model_json
from pipeline.tfjs.rewrite.rewrite import rewrite_graph


@dataclass(kw_only=True)
class Built:
    """How a test fares.

    Attributes:
        status: "right" or "wrong" in TensorFlow, "refused", or "not run" where OpenVINO cannot
            read it.
        reason: Why it is refused, or how it is wrong.
        folder: The model of TensorFlow.js with its inputs; None for none.
        expected: The outputs that are right.
    """

    status: str
    reason: str = ""
    folder: Path | None = None
    expected: list[Any] = field(default_factory=list)


class NotReadError(Exception):
    """OpenVINO itself cannot read the test."""


def build(test: NodeTest, folder: Path | None = None) -> Built:
    """Build a test, run it in TensorFlow, and write it for TensorFlow.js into an empty folder.

    Returns:
        How it fares; "not run" where OpenVINO cannot read it.
    """
    reason, is_read = "", False
    for fixed in ways(test):
        try:
            return _build(test, fixed, folder)
        except NotReadError as error:
            reason = reason or str(error)
        except PipelineError as error:
            reason = str(error) if not is_read else reason
            is_read = True
    return Built(status="refused" if is_read else "not run", reason=reason)


def save_ir(proto: onnx.ModelProto, folder: Path) -> Path:
    """Write an ONNX model as IR, its constants as they are.

    Raises:
        NotReadError: OpenVINO cannot convert it.
    """
    (folder / "model.onnx").write_bytes(proto.SerializeToString())
    try:
        # Not convert_model, which sends telemetry from a process of its own each time.
        model = openvino.Core().read_model(folder / "model.onnx")
        openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)
    except Exception as error:
        raise NotReadError(str(error).splitlines()[0]) from error
    return folder / "model.xml"


def _with_constants(test: NodeTest, fixed: set[int]) -> onnx.ModelProto:
    """Return the model of a test with some of its inputs as constants, the rest in their sizes."""
    proto = onnx.ModelProto()
    proto.CopyFrom(test.model)
    inputs = test.inputs
    infos = list(proto.graph.input)
    del proto.graph.input[:]
    for number, info in enumerate(infos):
        if number in fixed:
            proto.graph.initializer.append(numpy_helper.from_array(inputs[number], info.name))
        else:
            proto.graph.input.append(info)
    return proto


def _build(test: NodeTest, fixed: set[int], folder: Path | None) -> Built:
    from pipeline.tf.onnx.build_graph import GraphBuilder
    from pipeline.tf.onnx.fixed_inputs import Fixed
    from pipeline.tf.onnx.operators import check_operators
    from pipeline.tf.onnx.trace import trace_graph
    from pipeline.tf.openvino.openvino_model import make_model, open_model
    from pipeline.tf.openvino.openvino_reference import compile_model

    with tempfile.TemporaryDirectory() as scratch:
        path = save_ir(_with_constants(test, fixed), Path(scratch))
        model = make_model(open_model(path), test.name)
        check_operators(model)
        inputs, expected = test.inputs, test.outputs
        given = [array for number, array in enumerate(inputs) if number not in fixed]
        ends = model.graph.inputs
        if len(ends) != len(given):
            raise NotReadError("it has other inputs than the test")
        # The inputs of a model need not be in the order of the file.
        names = [info.name for n, info in enumerate(test.model.graph.input) if n not in fixed]
        by_name = dict(zip(names, given, strict=True))
        if set(by_name) == {end.name for end in ends}:
            given = [by_name[end.name] for end in ends]
        asked = Fixed(shapes={end.name: tuple(a.shape) for end, a in zip(ends, given, strict=True)})
        function = trace_graph(GraphBuilder(model=model), shapes=asked.shapes)
        fed = {e.name: _held(a, e.dtype) for e, a in zip(ends, given, strict=True)}
        made = Built(status="right", expected=expected)
        outputs = [np.asarray(each) for each in function(*fed.values())]
        faults = [compare(o, e) for o, e in zip(outputs, expected, strict=True)]
        if any(faults):
            run = compile_model(model.model)
            own = run({e.name: np.asarray(a) for e, a in zip(ends, given, strict=True)})
            made.expected = [own[end.name] for end in model.graph.outputs]
            again = [compare(o, e) for o, e in zip(outputs, made.expected, strict=True)]
            if any(again):
                fault = next(filter(None, again))
                return Built(status="wrong", reason=f"{fault}; standard: {faults}")
            made.reason = "OpenVINO differs from the standard"
        if folder is not None and fed:
            _write(model, asked, path, {n: t.numpy() for n, t in fed.items()}, folder)
            made.folder = folder
        return made


def _held(array: Any, dtype: str | None) -> Any:
    import tensorflow as tf

    from pipeline.tf.layout.value import held_dtype

    assert dtype is not None
    if dtype == "str":
        return tf.constant(array.astype(object))
    return tf.constant(array.astype(held_dtype(dtype).as_numpy_dtype))


def _write(model: Any, asked: Any, path: Path, fed: dict[str, Any], folder: Path) -> None:
    from pipeline.tf.onnx.convert_onnx import write_onnx

    folder.mkdir(parents=True, exist_ok=True)
    written = write_onnx(model, asked, source=path, folder=folder, flags=ConversionFlags())
    converted = load_model_json(folder / "model.json")
    content, _ = rewrite_graph(converted.content)
    (folder / "model.json").write_bytes(
        format_model_json(dataclasses.replace(converted, content=content))
    )
    kept = {tie.name for tie in written.inputs or ()}
    write_inputs(folder, {name: value for name, value in fed.items() if name in kept})
