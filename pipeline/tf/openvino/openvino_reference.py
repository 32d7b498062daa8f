"""Reference of an OpenVINO model: run by OpenVINO on the CPU, in float32."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from openvino import opset13

from pipeline.errors import ConversionError
from pipeline.records.flags import SourceFlags
from pipeline.records.source import Conversion
from pipeline.tf.layout.value import Order
from pipeline.tf.onnx.convert_onnx import describe_ends
from pipeline.tf.onnx.fixed_inputs import Fixed, fix_inputs
from pipeline.tf.openvino.openvino_model import name_ends, read_openvino
from pipeline.tf.openvino.states import find_states, get_states, set_states
from pipeline.tf.reasons import format_reason
from pipeline.tf.saved_model.saved_model_reference import write_outputs

_CONFIG = {
    "INFERENCE_PRECISION_HINT": "f32",
    "EXECUTION_MODE_HINT": "ACCURACY",
    "INFERENCE_NUM_THREADS": 1,
    # Layers between FakeQuantize would run on whole numbers, rounded in other places.
    "LP_TRANSFORMS_MODE": "NO",
}
_HALVES = (openvino.Type.f16, openvino.Type.bf16)
_SOURCES = {"Constant", "Parameter"}


def run_openvino(
    *, source: Path, record: Conversion, flags: SourceFlags, **known: Any
) -> dict[str, Any]:
    """Run an IR on test vectors; see `write_outputs`.

    Args:
        source: An .xml file; its .bin lies beside it.
        record: The source record, of convert_openvino.
        flags: fixed is read.
        known: All else that `write_outputs` takes.

    Raises:
        FormatError: It is damaged.
        ConversionError: OpenVINO cannot run it; else as `write_outputs`.
    """
    model = read_openvino(source)
    fixed = fix_inputs(model, flags.fixed)
    return write_outputs(
        compile_model(model.model, source, fixed),
        source=source,
        record=record,
        inputs=describe_ends(model, fixed).inputs,
        **known,
        runtime=f"openvino {openvino.__version__.split('-')[0]}",
    )


def compile_model(
    model: openvino.Model, source: Path | None = None, fixed: Fixed | None = None
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return a function that runs a model: tensors by name in, arrays by name out.

    Args:
        model: The model.
        source: Its path, which messages must not show.
        fixed: Inputs as the graph has them.
    """
    fixed = fixed or Fixed()
    inputs, outputs = name_ends(model)
    try:
        compiled = openvino.Core().compile_model(widen(model), "CPU", _CONFIG)
    except Exception as error:
        raise ConversionError(
            f"OpenVINO cannot run the model: {format_reason(error, source)}"
        ) from error
    dtypes = [end.get_element_type().to_dtype() for end in model.inputs]
    check = _make_shape_check(model)
    found = find_states(model, {*inputs, *outputs})
    states = {name: state.name for name, state in found.items() if state.is_assigned}
    request = compiled.create_infer_request()

    def run(given: Mapping[str, Any]) -> dict[str, Any]:
        fed = [
            _to_array(given.get(name), dtype, fixed.orders.get(name), fixed.constants.get(name))
            for name, dtype in zip(inputs, dtypes, strict=True)
        ]
        check(fed)
        set_states(request, {name: given[own] for name, own in states.items() if own in given})
        made = request.infer(fed)
        after = get_states(request)
        return {
            **{name: np.array(made[n]) for n, name in enumerate(outputs)},
            **{own: after[name] for name, own in states.items()},
        }

    return run


def widen(model: openvino.Model) -> openvino.Model:
    """Return a model that computes with float32 where the file has float16.

    Of a product of whole numbers and their scales in float16 the CPU rounds some to float16, by
    what they go into, and others not. Where a part of the model needs float16 it stays as it is.
    """
    wide = model.clone()
    changed = False
    for node in wide.get_ordered_ops():
        if node.get_type_name() == "Convert" and node.get_output_element_type(0) in _HALVES:
            _replace(node, opset13.convert(node.input_value(0), "f32"))
            changed = True
        elif node.get_type_name() in _SOURCES and node.get_output_element_type(0) in _HALVES:
            _replace(node, opset13.convert(node.output(0), "f32"))
            changed = True
    try:
        wide.validate_nodes_and_infer_types()
    except RuntimeError:
        return model
    return wide if changed else model


def _replace(node: openvino.Node, other: openvino.Node) -> None:
    """Have all that reads a node read another one."""
    for reader in node.output(0).get_target_inputs():
        if reader.get_node() != other:
            reader.replace_source_output(other.output(0))


def _make_shape_check(model: openvino.Model) -> Callable[[Sequence[Any]], None]:
    """Return a function that raises for inputs whose shapes do not fit the model.

    While it computes a model with open sizes, OpenVINO joins tensors of other sizes without a word.
    """
    probe = model.clone() if model.is_dynamic() else None

    def check(fed: Sequence[Any]) -> None:
        if probe is not None:
            probe.reshape({n: array.shape for n, array in enumerate(fed)})

    return check


def _to_array(value: Any, dtype: Any, order: Order | None, constant: Any) -> Any:
    """Return an input in the file's dtype and order of axes."""
    array = np.asarray(value if constant is None else constant)
    if constant is None and order is not None:
        array = np.transpose(array, np.argsort(order))
    return np.ascontiguousarray(array).astype(dtype).reshape(array.shape)
