"""Reference of an ONNX file: run by ONNX Runtime on the CPU, without its optimizations."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnxruntime

from pipeline.errors import ConversionError
from pipeline.records.flags import SourceFlags
from pipeline.records.source import Conversion, Labels
from pipeline.tf.layout.value import Order
from pipeline.tf.onnx.convert_onnx import describe_ends
from pipeline.tf.onnx.fixed_inputs import Fixed, fix_inputs
from pipeline.tf.onnx.onnx_model import OnnxModel, read_onnx
from pipeline.tf.reasons import format_reason
from pipeline.tf.saved_model.saved_model_reference import write_outputs

_ERRORS_ONLY = 3


def run_onnx(
    *, source: Path, record: Conversion, flags: SourceFlags, **known: Any
) -> dict[str, Any]:
    """Run an ONNX file on test vectors; see `write_outputs`.

    Args:
        source: An .onnx file; its external data lie beside it.
        record: The source record, of convert_onnx.
        flags: fixed is read.
        known: All else that `write_outputs` takes.

    Raises:
        FormatError: It is damaged.
        ConversionError: ONNX Runtime cannot run it; else as `write_outputs`.
    """
    model = read_onnx(source)
    fixed = fix_inputs(model, flags.fixed)
    return write_outputs(
        open_session(model, source, fixed, record.labels or {}),
        source=source,
        record=record,
        inputs=describe_ends(model, fixed).inputs,
        **known,
        runtime=f"onnxruntime {onnxruntime.__version__}",
    )


def open_session(
    model: OnnxModel,
    source: Path,
    fixed: Fixed,
    labels: Mapping[str, Labels] = MappingProxyType({}),
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return a function that runs a file: tensors by name in, arrays by name out.

    Args:
        model: The file.
        source: Its path.
        fixed: Inputs as the graph has them.
        labels: The names that the graph has numbers or columns for, by output.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    try:
        session = onnxruntime.InferenceSession(
            str(source), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise ConversionError(
            f"ONNX Runtime cannot open the file: {format_reason(error, source)}"
        ) from error
    dtypes = {end.name: end.dtype for end in model.graph.inputs}
    names = [end.name for end in model.graph.outputs]

    def run(given: Mapping[str, Any]) -> dict[str, Any]:
        fed = {
            name: _to_array(given[name], dtype or "float32", fixed.orders.get(name))
            for name, dtype in dtypes.items()
            if name not in fixed.constants
        }
        fed |= fixed.constants
        made = zip(names, session.run(names, fed), strict=True)
        return {name: _number(value, labels.get(name)) for name, value in made}

    return run


def _number(value: Any, labels: Labels | None) -> Any:
    """Return an output as the graph has it: texts as numbers of names, maps as rows of scores."""
    if labels is None:
        return value
    if isinstance(value, list):
        by_name = [{str(key): score for key, score in each.items()} for each in value]
        return np.array([[each[name] for name in labels.names] for each in by_name], np.float32)
    if value.dtype.kind not in "OUS":
        return value
    places = {name: number for number, name in enumerate(labels.names)}
    return np.array([places[str(text)] for text in value.flat], np.int32).reshape(value.shape)


def _to_array(value: Any, dtype: str, order: Order | None) -> Any:
    """Return an input in the file's dtype and order of axes."""
    array = np.asarray(value)
    if order is not None:
        array = np.transpose(array, np.argsort(order))
    if dtype == "str":
        return np.vectorize(lambda text: text.decode(), otypes=[object])(array)
    return np.ascontiguousarray(array).astype(dtype).reshape(array.shape)
