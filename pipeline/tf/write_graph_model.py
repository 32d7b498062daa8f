"""Graph models: optimizes a frozen graph and writes it as model.json and shards.

All formats that end in a graph share this module. The optimizer and the writer are those of the
tensorflowjs package; the names in the written signature are ours.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo
from tensorflowjs.converters import tf_saved_model_conversion_v2 as converter

from pipeline.errors import ConversionError, PipelineError
from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion, Tie
from pipeline.tf.import_graph import complete
from pipeline.tf.lower.grouped import split_groups
from pipeline.tf.lower.lowering import lower_graph
from pipeline.tf.lower.pairs import pair_info, pair_signature
from pipeline.tf.narrow_constants import narrow_constants
from pipeline.tf.narrow_types import find_rounding, narrow_types
from pipeline.tf.narrowing import check_narrowing
from pipeline.tf.op_check import check_ops
from pipeline.tf.optimize_graph_def import optimize_graph_def
from pipeline.tf.reasons import format_reason
from pipeline.tf.saved_model.freeze import Frozen
from pipeline.tf.saved_model.function_constants import part_constants
from pipeline.tf.saved_model.function_names import name_functions
from pipeline.tf.saved_model.initializer import lower_initializer
from pipeline.tf.saved_model.inline import inline_calls
from pipeline.tf.shared_constants import share_constants
from pipeline.tfjs.model.model_json import ModelJson, format_model_json, parse_model_json

_Converted = tuple[ModelJson, list[str]]
_MARK = "_has_manual_control_dependencies"


def write_graph_model(  # noqa: PLR0913  # a graph, its two sides, and how to write them
    frozen: Frozen,
    *,
    inputs: Sequence[Tie],
    outputs: Sequence[Tie],
    signature: SignatureDef,
    source: Path,
    folder: Path,
    flags: ConversionFlags,
) -> Conversion:
    """Optimize a frozen graph and write it as model.json and shards.

    Args:
        frozen: The graph and its tables.
        inputs: Name and tensor of each input, in the order to publish.
        outputs: Name and tensor of each output; two names may have one tensor.
        signature: The inputs and outputs that the optimizer must keep, as the converter builds it.
        source: The source's own path, which messages must not show.
        folder: The folder to write to.
        flags: skip_op_check, strip_debug_ops, experiments and weight_shard_size_bytes are read.

    Returns:
        The facts of the graph: `inputs` (without those that freezing made constants or removed),
        `outputs` and `repairs`.

    Raises:
        ConversionError: TensorFlow.js cannot run the graph, or the converter fails.
    """
    paired = pair_signature(signature)
    model_json, repairs = _translate(
        lambda: _convert(frozen, paired, source, folder, flags), source
    )
    kept = _drop_lost(model_json, inputs)
    named = _rename(model_json, frozen, kept, outputs)
    (folder / "model.json").write_bytes(format_model_json(named))
    return Conversion(
        inputs=kept,
        outputs=list(outputs),
        repairs=[*frozen.repairs, *repairs],
        rounds_to=find_rounding(frozen.graph_def),
    )


def _convert(
    frozen: Frozen, signature: SignatureDef, source: Path, folder: Path, flags: ConversionFlags
) -> _Converted:
    """Lower, optimize, check and write a frozen graph under the converter's own names."""
    lowered, repairs = _lower(frozen, signature)
    graph_def = optimize_graph_def(
        lowered,
        signature,
        keep=_ends(signature),
        strip_debug_ops=flags.strip_debug_ops,
        experiments=flags.experiments,
    )
    _forget_marks(graph_def)
    constants = {node.name for node in graph_def.node if node.op == "Const"}
    initializer = lower_initializer(frozen, source=source, taken=constants)
    graphs = [graph_def, initializer.graph] if initializer else [graph_def]
    check_ops(
        graphs,
        skip_op_check=flags.skip_op_check,
        strip_debug_ops=flags.strip_debug_ops,
    )
    name_functions(graph_def)
    repairs += part_constants(graph_def)
    repairs += narrow_constants(graph_def, keep=_ends(signature))
    for each in graphs:
        narrow_types(each)
    share_constants(graph_def, keep=_ends(signature))
    weights = converter.extract_weights(*graphs)
    check_narrowing(entry for group in weights for entry in group)
    entry = folder / "model.json"
    converter.write_artifacts(
        None,  # the converter writes its JSON in pieces of a few bytes
        weights,
        str(entry),
        frozen.tensorflow_version,
        signature,
        weight_shard_size_bytes=flags.weight_shard_size_bytes,
        initializer_graph_def=initializer and initializer.graph,
        initializer_signature_def=initializer and initializer.signature,
        resource_ids_maps=frozen.resource_ids,
    )
    repairs += initializer.repairs if initializer else []
    content = json.loads(entry.read_bytes()) | {"modelTopology": MessageToDict(graph_def)}
    return parse_model_json(json.dumps(content)), repairs


def _forget_marks(graph_def: GraphDef) -> None:
    """Remove a private mark of the optimizer, which it leaves on some runs only."""
    for node in graph_def.node:
        if _MARK in node.attr:
            del node.attr[_MARK]


def _lower(frozen: Frozen, signature: SignatureDef) -> tuple[GraphDef, list[str]]:
    """Return a graph of ops that TensorFlow.js has; the same graph without changes."""
    ends = [info.name for info in signature.outputs.values()]
    graph = inline_calls(frozen.graph, ends, graph_def=frozen.graph_def)
    graph_def = frozen.graph_def if graph is frozen.graph else graph.as_graph_def()
    split, repairs = split_groups(graph)
    lowered, others = lower_graph(
        split or graph_def, keep=_ends(signature), graph=None if split else graph
    )
    repairs += others
    return (complete(lowered) if repairs else lowered), repairs


def _ends(signature: SignatureDef) -> set[str]:
    """Return the names of the nodes that are inputs or outputs."""
    return {_node(end.name) for end in (*signature.outputs.values(), *signature.inputs.values())}


def _translate(convert: Callable[[], _Converted], source: Path) -> _Converted:
    """Call the converter and turn its exceptions into ours."""
    try:
        return convert()
    except PipelineError:
        raise
    except Exception as error:
        raise ConversionError(
            f"the converter failed: {type(error).__name__}: {format_reason(error, source)}"
        ) from error


def _drop_lost(model_json: ModelJson, inputs: Iterable[Tie]) -> list[Tie]:
    """Return the inputs that are still inputs of the written graph."""
    nodes = _ops(model_json)
    return [tie for tie in inputs if nodes.get(_node(tie.tensor), "Const") != "Const"]


def _rename(
    model_json: ModelJson, frozen: Frozen, inputs: Sequence[Tie], outputs: Sequence[Tie]
) -> ModelJson:
    """Return a model.json whose signature has the source's names, in structured order."""
    nodes = _ops(model_json)
    lost = [tie.name for tie in outputs if _node(tie.tensor) not in nodes]
    if lost:
        raise ConversionError(f"the converted graph lacks the outputs {', '.join(lost)}")
    content = dict(model_json.content)
    old = content["signature"]
    resources = {key: info for key, info in old.get("inputs", {}).items() if "resourceId" in info}
    tensors = {tensor.name: tensor for tensor in (*frozen.inputs, *frozen.outputs)}
    content["signature"] = {
        **old,
        "inputs": {tie.name: _to_json(tensors[tie.tensor]) for tie in inputs} | resources,
        "outputs": {tie.name: _to_json(tensors[tie.tensor]) for tie in outputs},
    }
    return replace(model_json, content=_renumber(content))


def _ops(model_json: ModelJson) -> dict[str, str]:
    nodes = model_json.content["modelTopology"].get("node", [])
    return {node["name"]: node["op"] for node in nodes}


def _to_json(tensor: tf.Tensor) -> dict[str, Any]:
    info = TensorInfo(name=tensor.name, dtype=tensor.dtype.as_datatype_enum)
    info.tensor_shape.CopyFrom(tensor.shape.as_proto())
    pair_info(info)
    return dict(MessageToDict(info))


def _renumber(content: dict[str, Any]) -> dict[str, Any]:
    """Number tables from 0: the converter's ids are TensorFlow's, across all its work."""
    if "initializerSignature" not in content:
        return content
    infos = [
        info
        for signature, side in (("initializerSignature", "outputs"), ("signature", "inputs"))
        for _, info in sorted(content[signature].get(side, {}).items())
        if "resourceId" in info
    ]
    numbers: dict[int, int] = {}
    for info in infos:
        info["resourceId"] = numbers.setdefault(info["resourceId"], len(numbers))
    return content


def _node(tensor: str) -> str:
    return tensor.partition(":")[0]
