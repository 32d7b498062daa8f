"""Remarks: facts that a person should know before running a model, found in its description.

Each is a sentence. It opens no file.
"""

import re
from collections.abc import Iterator

from pipeline.inspection.description import Description, NonFinite
from pipeline.text.suggest import list_first
from pipeline.tfjs.model.dtypes import is_complex

_LOST_NAME = re.compile(r"Identity(_\d+)?(:0)?")
_NUM_NAMED = 5


def find_remarks(model: Description) -> list[str]:
    """Return the remarks on a model: "input image is uint8: feed it int32"."""
    return [*model.faults, *_on_weights(model), *_on_tensors(model), *_on_ops(model)]


def _on_weights(model: Description) -> Iterator[str]:
    if model.weights and model.weights.non_finite:
        broken = [f"{weight.name} ({_count_bad(weight)})" for weight in model.weights.non_finite]
        yield f"weights that are not finite: {list_first(broken, _NUM_NAMED)}"


def _count_bad(weight: NonFinite) -> str:
    parts = ((weight.nan, "NaN"), (weight.infinite, "infinite"))
    return ", ".join(f"{number:,} {word}" for number, word in parts if number)


def _on_tensors(model: Description) -> Iterator[str]:
    for tensor in model.inputs or ():
        if tensor.js_dtype is None and tensor.dtype:
            yield f"input {tensor.name}: TensorFlow.js has no {tensor.dtype}"
        elif tensor.dtype == "int64":
            yield f"input {tensor.name} is int64: TensorFlow.js takes int32, and no more than it"
        elif is_complex(tensor.dtype) and model.format != "tfjs_graph_model":
            yield (
                f"input {tensor.name} is {tensor.dtype}: feed it float32 with one more axis of 2, "
                "for the real and the imaginary part"
            )
        elif tensor.dtype != tensor.js_dtype:
            yield f"input {tensor.name} is {tensor.dtype}: feed it {tensor.js_dtype}"
        if tensor.shape is None and tensor.tensor:
            yield f"input {tensor.name}: its shape is unknown, even the number of axes"
    outputs = model.outputs or ()
    wide = [tensor.name for tensor in outputs if tensor.dtype == "int64"]
    if wide:
        yield f"outputs of int64 come as int32: {list_first(wide, _NUM_NAMED)}"
    if model.possible_outputs:
        listed = ", ".join(model.possible_outputs)
        yield (
            "the graph does not say which of these outputs are meant; models.yaml has to: "
            f"`output_node_names: [{listed}]`"
        )
    lost = [tensor.name for tensor in outputs if _LOST_NAME.fullmatch(tensor.name)]
    if lost and model.format == "tfjs_graph_model":
        yield f"names of outputs were lost in conversion: {list_first(lost, _NUM_NAMED)}"


def _on_ops(model: Description) -> Iterator[str]:
    for where, missing in model.missing_ops.items():
        if missing:
            title = "TensorFlow.js" if where == "tensorflow.js" else f"its backend {where}"
            yield f"ops that {title} does not have: {list_first(missing, _NUM_NAMED)}"
    if model.missing_layers:
        named = list_first(model.missing_layers, _NUM_NAMED)
        yield f"layers that TensorFlow.js does not have: {named}"
