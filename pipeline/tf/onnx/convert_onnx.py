"""ONNX file to graph model.

The operators of the file become a graph of TensorFlow, which goes the way of every other graph:
lowering, the converter's optimizer, repairs. Images have their channels last in it; inputs and
outputs keep the layout of the file, unless the manifest asks for channels last.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion, Labels, StatedSignature, StatedTensor
from pipeline.tf.freeze_function import write_function
from pipeline.tf.layout.value import held_dtype
from pipeline.tf.onnx.build_graph import GraphBuilder
from pipeline.tf.onnx.fixed_inputs import Fixed, fix_inputs
from pipeline.tf.onnx.onnx_graph import SIGNATURE_KEY, End, Graph, GraphModel
from pipeline.tf.onnx.onnx_metadata import find_contracts, find_labels, read_about
from pipeline.tf.onnx.onnx_model import read_onnx
from pipeline.tf.onnx.operators import check_operators
from pipeline.tf.onnx.small_weights import small_weights
from pipeline.tf.onnx.trace import trace_graph
from pipeline.tfjs.quantize.exact_weights import store_exactly

_STORED = "a weight is stored in as few bytes as in the file, with the same values"
_NUMBERED = "int32"
_KEEP_COLUMNS = {"Cast", "Identity", "Normalizer"}
# Operators that round nothing but what they are given in more bits.
_MOVING = {
    "Cast", "CastLike", "Concat", "Constant", "ConstantOfShape", "Expand", "Flatten", "Gather",
    "Identity", "Pad", "Reshape", "Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze",
}  # fmt: skip


def convert_onnx(*, source: Path, folder: Path, flags: ConversionFlags) -> Conversion:
    """Convert an ONNX file.

    Args:
        source: An .onnx file; its external data lie beside it.
        folder: Where to write model.json and shards.
        flags: skip_op_check, strip_debug_ops, control_flow_v2, experiments,
            weight_shard_size_bytes and fixed are read.

    Returns:
        Inputs and outputs with their tensors; repairs; names of classes.

    Raises:
        FormatError: It is damaged; the message names the place.
        ConversionError: An operator has no equal in TensorFlow or TensorFlow.js.
        ManifestError: What the manifest fixes does not fit the file.
    """
    model = read_onnx(source)
    fixed = fix_inputs(model, flags.fixed)
    written = write_onnx(model, fixed, source=source, folder=folder, flags=flags)
    stated, remarks = find_labels(model)
    return Conversion(
        signature_key=SIGNATURE_KEY,
        signatures={SIGNATURE_KEY: describe_ends(model, fixed, written.labels)},
        inputs=written.inputs,
        outputs=written.outputs,
        repairs=written.repairs,
        about=read_about(model),
        labels={**(stated or {}), **(written.labels or {})} or None,
        contracts=find_contracts(model, channels_last=fixed.orders),
        remarks=remarks or None,
        rounds_to=find_rounding(model.graph),
    )


def find_rounding(graph: Graph) -> Literal["float16", "bfloat16"] | None:
    """Return the dtype of few bits that a graph computes in; None where it only stores in it."""
    computed = [node for node in graph.nodes if node.op not in _MOVING]
    made = {graph.dtypes.get(name) for node in computed for name in node.outputs}
    made |= {find_rounding(body) for node in graph.nodes for body in node.graphs}
    return "bfloat16" if "bfloat16" in made else "float16" if "float16" in made else None


def write_onnx(
    model: GraphModel, fixed: Fixed, *, source: Path, folder: Path, flags: ConversionFlags
) -> Conversion:
    """Build the graph of a file and write it as model.json and shards.

    Args:
        model: The file.
        fixed: Inputs as the graph has them.
        source: The source's own path, which messages must not show.
        folder: The folder to write to.
        flags: As `convert_onnx` reads them, but for fixed.

    Returns:
        Inputs and outputs with their tensors, repairs, and names of classes.

    Raises:
        FormatError: The file is damaged; the message names the place.
        ConversionError: An operator has no equal in TensorFlow or TensorFlow.js.
    """
    check_operators(model)
    builder = GraphBuilder(model=model)
    function = trace_graph(
        builder, constants=fixed.constants, orders=fixed.orders, shapes=fixed.shapes
    )
    written = write_function(
        function,
        inputs=[end.name for end in model.graph.inputs if end.name not in fixed.constants],
        outputs=[end.name for end in model.graph.outputs],
        source=source,
        folder=folder,
        flags=flags,
    )
    repairs = [*builder.state.notes, *written.repairs, *_store(model, folder, flags)]
    labels = find_class_names(builder)
    return written.model_copy(update={"repairs": repairs, "labels": labels or None})


def find_class_names(builder: GraphBuilder) -> dict[str, Labels]:
    """Return the names of the numbers, or of the columns, of outputs."""
    state, graph = builder.state, builder.model.graph
    labels = {}
    for end in graph.outputs:
        named = _find_columns(end.name, graph, state.columns)
        if end.name in state.names:
            labels[end.name] = Labels(of="values", names=list(state.names[end.name]))
        elif named is not None:
            labels[end.name] = Labels(of="axis", names=list(named))
    return labels


def _find_columns(
    name: str, graph: Graph, columns: Mapping[str, Sequence[str]]
) -> Sequence[str] | None:
    """Return the names of a value's columns, or of the value whose columns it keeps."""
    makers = {made: node for node in graph.nodes for made in node.outputs}
    while name not in columns and name in makers and makers[name].op in _KEEP_COLUMNS:
        name = makers[name].inputs[0]
    return columns.get(name)


def _store(model: GraphModel, folder: Path, flags: ConversionFlags) -> list[str]:
    """Store weights in as few bytes as the file does; return a sentence where there are any."""
    known = list(small_weights(model))
    if not known:
        return []
    size = flags.weight_shard_size_bytes
    num_stored = store_exactly(folder, known, shard_size_bytes=size)
    return [f"{_STORED} ({num_stored} in this graph)"] if num_stored else []


def describe_ends(
    model: GraphModel, fixed: Fixed, labels: Mapping[str, Labels] | None = None
) -> StatedSignature:
    """Return the inputs and outputs of a file as the graph has them.

    Files may state wrong shapes of outputs, which nobody checks; the graph knows them. Texts that
    the graph has numbers for, and maps that are rows of scores, have the dtype of the graph.

    Args:
        model: The file.
        fixed: Inputs as the graph has them.
        labels: The names that the graph has numbers or columns for, by output.
    """
    numbered = {name for name, each in (labels or {}).items() if each.of == "values"}
    return StatedSignature(
        inputs={end.name: _state(end, fixed) for end in model.graph.inputs},
        outputs={
            end.name: StatedTensor(
                tensor=end.name,
                dtype=_NUMBERED if end.name in numbered else _held(end),
                shape=None,
            )
            for end in model.graph.outputs
        },
    )


def _state(end: End, fixed: Fixed) -> StatedTensor:
    sizes = fixed.shapes.get(end.name) or end.sizes
    shape = None
    if sizes is not None:
        order = fixed.orders.get(end.name) or range(len(sizes))
        shape = tuple(
            size if isinstance(size, int) else None for size in map(sizes.__getitem__, order)
        )
    return StatedTensor(tensor=end.name, dtype=_held(end), shape=shape)


def _held(end: End) -> str | None:
    return None if end.dtype is None else str(held_dtype(end.dtype).name)
