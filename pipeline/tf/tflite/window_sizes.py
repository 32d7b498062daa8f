"""Windows that are larger than their input, on which the interpreter of TensorFlow Lite crashes.

With padding VALID it computes (size + stride - window) / stride places and does not check that
there are any (`ComputeOutSize` in tensorflow/lite/kernels/padding.h). If there are none, a kernel
reads beyond its input, and XNNPACK does with some sizes. So such sizes are refused before a run.

Before a run the interpreter knows the shapes of tensors whose sizes follow from those of inputs.
Sizes that are computed from values are known only while it runs, and are not checked.
"""

from collections.abc import Iterator, Mapping, Sequence

from pipeline.errors import ConversionError
from pipeline.tf.tflite.tflite_model import Operator, SubGraph

_VALID = 1
_AXES = ("H", "W")
_FILTERS = {"CONV_2D", "DEPTHWISE_CONV_2D"}
_POOLS = {"AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"}


_SIZES = ("int32", "int64")
# The sizes of their outputs depend on values.
_OPEN = {"WHERE", "UNIQUE", "IF", "WHILE", "STABLEHLO_COMPOSITE", "STABLEHLO_WHILE"}


def refuse_large_windows(graph: SubGraph, shapes: Mapping[int, Sequence[int]]) -> None:
    """Refuse sizes on which a window is larger than its input.

    Args:
        graph: The graph that runs.
        shapes: The shape of each tensor, by number, once tensors are allocated.

    Raises:
        ConversionError: An operator has such a window; the message names it.
    """
    settled = _find_settled(graph)
    for operator in graph.operators:
        if operator.name not in _FILTERS | _POOLS or operator.inputs[0] not in settled:
            continue
        if operator.options is None or operator.options.padding != _VALID:
            continue
        sizes = shapes.get(operator.inputs[0], ())[1:3]
        for size, window in zip(sizes, _windows(operator, shapes), strict=False):
            if size < window:
                raise ConversionError(
                    f"{operator.label}: a window of {window} on an input of {size}"
                )


def _find_settled(graph: SubGraph) -> set[int]:
    """Return the tensors whose shapes are known before a run."""
    constant = {number for number, tensor in enumerate(graph.tensors) if tensor.data is not None}
    settled = constant | set(graph.inputs)
    for operator in graph.operators:
        taken = {number for number in operator.inputs if number >= 0}
        computed = any(graph.tensors[number].dtype in _SIZES for number in taken - constant)
        is_open = operator.is_custom or operator.name in _OPEN or computed
        if not is_open and settled >= taken:
            settled.update(operator.outputs)
    return settled


def _windows(operator: Operator, shapes: Mapping[int, Sequence[int]]) -> Iterator[int]:
    """Yield the height and the width of an operator's window, with the gaps of dilation."""
    options = operator.options
    if operator.name in _POOLS:
        yield from (options.filterHeight, options.filterWidth)
        return
    for axis, length in zip(_AXES, shapes.get(operator.inputs[1], ())[1:3], strict=False):
        yield (length - 1) * getattr(options, f"dilation{axis}Factor") + 1
