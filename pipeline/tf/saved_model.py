"""SavedModel to graph model, through the functions of the tensorflowjs package.

It writes float32 as the source has it; variants are made elsewhere. Names are ours: the
converter matches outputs by dtype and shape, and gives up where two agree.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflowjs.converters import tf_saved_model_conversion_v2 as converter

from pipeline.errors import ConversionError, SignatureError
from pipeline.tf.freeze import Frozen, format_reason, freeze_signature
from pipeline.tf.meta_graph import choose_meta_graph, load_saved_model
from pipeline.tf.narrowing import check_narrowing
from pipeline.tf.signature_def import (
    NamedTensor,
    choose_signature,
    describe_signatures,
    trace_signature,
)
from pipeline.tf.untrusted import check_trusted
from pipeline.tfjs.model_json import ModelJson, format_model_json, parse_model_json

_UNSUPPORTED = "Unsupported Ops in the model"
_SHARD_SIZE_BYTES = 4 * 1024**2

Tie = tuple[str, str]


def convert_saved_model(*, source: Path, folder: Path, flags: Mapping[str, Any]) -> dict[str, Any]:
    """Convert one signature of a SavedModel and return the source record.

    Args:
        source: Folder that holds saved_model.pb.
        folder: Where to write model.json and shards.
        flags: By the manifest's names, JSON values; absent or null is the converter's default:
            signature_name, saved_model_tags (a list, or a text with commas), skip_op_check,
            strip_debug_ops, control_flow_v2, experiments, weight_shard_size_bytes, trust.

    Returns:
        format, signature_key, tags and signatures of the source; inputs and outputs with the
        tensor of the converted graph for each name, in structured order.

    Raises:
        FormatError: The files are missing, cut off or no SavedModel.
        UntrustedSourceError: The graph touches the machine, and `trust` is not set.
        SignatureError: The signature or the tags are not there, or ambiguous.
        ConversionError: The converter cannot convert it.
    """
    saved_model = load_saved_model(source)
    meta_graph = choose_meta_graph(saved_model, _parse_tags(flags.get("saved_model_tags")))
    if not flags.get("trust"):
        check_trusted(meta_graph)
    key = choose_signature(meta_graph, flags.get("signature_name") or None)
    traced = trace_signature(meta_graph, key)
    frozen = freeze_signature(
        source,
        tags=list(meta_graph.meta_info_def.tags),
        signature_key=key,
        control_flow_v2=bool(flags.get("control_flow_v2")),
    )
    inputs = _tie(traced.inputs, _user_inputs(frozen), side="input")
    outputs = _tie(traced.outputs, frozen.outputs, side="output")
    model_json = _translate(
        lambda: _convert(frozen, meta_graph.signature_def[key], folder, flags), source
    )
    named = _rename(model_json, frozen, inputs, outputs)
    (folder / "model.json").write_bytes(format_model_json(named))
    return {
        "format": "tf_saved_model",
        "signature_key": key,
        "tags": sorted(sorted(graph.meta_info_def.tags) for graph in saved_model.meta_graphs),
        "signatures": _describe(saved_model, list(meta_graph.meta_info_def.tags)),
        "inputs": [{"name": name, "tensor": tensor} for name, tensor in inputs],
        "outputs": [{"name": name, "tensor": tensor} for name, tensor in outputs],
    }


def _convert(
    frozen: Frozen,
    stated: SignatureDef,
    folder: Path,
    flags: Mapping[str, Any],
) -> ModelJson:
    """Optimize and write a frozen graph, with the converter's own names."""
    _check_ops(frozen, skip_op_check=bool(flags.get("skip_op_check")))
    signature = converter._build_signature_def(  # noqa: SLF001
        frozen.graph, frozen.inputs, frozen.outputs, stated
    )
    if len(signature.outputs) < len({tensor.name for tensor in frozen.outputs}):
        # Two outputs matched the same name, and one would be optimized away.
        signature = converter._build_signature_def(  # noqa: SLF001
            frozen.graph, frozen.inputs, frozen.outputs
        )
    graph_def = converter.optimize_graph(
        frozen.graph,
        signature,
        skip_op_check=bool(flags.get("skip_op_check")),
        strip_debug_ops=flags.get("strip_debug_ops") is not False,
        experiments=bool(flags.get("experiments")),
    )
    initializer, initializer_signature = _initializer(frozen)
    weights = converter.extract_weights(graph_def, initializer)
    check_narrowing(entry for group in weights for entry in group)
    converter.write_artifacts(
        MessageToDict(graph_def),
        weights,
        str(folder / "model.json"),
        frozen.tensorflow_version,
        signature,
        weight_shard_size_bytes=flags.get("weight_shard_size_bytes") or _SHARD_SIZE_BYTES,
        initializer_graph_def=initializer,
        initializer_signature_def=initializer_signature,
        resource_ids_maps=frozen.resource_ids,
    )
    return parse_model_json((folder / "model.json").read_bytes())


def _check_ops(frozen: Frozen, *, skip_op_check: bool) -> None:
    """Raise for what the converter would write although TensorFlow.js cannot load it.

    It does not look at the initializer's ops, and writes the path that an asset has on this
    machine into the weights.
    """
    graphs = (frozen.graph, frozen.initializer_graph)
    ops = [{node.op for node in graph.as_graph_def().node} if graph else set() for graph in graphs]
    if any(op.startswith("SimpleML") for op in ops[0] | ops[1]):
        raise ConversionError(
            "a model of TensorFlow Decision Forests: TensorFlow.js alone has none of its ops",
            hint="it runs in the package tfjs-tfdf only, which this zoo does not support",
        )
    if any(op.startswith("InitializeTableFromTextFile") for op in ops[1]):
        raise ConversionError(
            "a lookup table is filled from a file, which TensorFlow.js cannot do",
            hint="fill it with tf.lookup.KeyValueTensorInitializer and save the model again",
        )
    if ops[1] and not skip_op_check:
        unsupported = converter.validate(frozen.initializer_graph.as_graph_def(), False, False)
        if unsupported:
            raise _unsupported(unsupported)


def _unsupported(ops: Iterable[str]) -> ConversionError:
    return ConversionError(
        f"TensorFlow.js does not have these ops: {', '.join(sorted(ops))}",
        hint="`skip_op_check: true` converts all the same, for a front end that registers them; "
        "of Assert, CheckNumerics and Print `strip_debug_ops: true` gets rid",
    )


def _initializer(frozen: Frozen) -> tuple[Any, SignatureDef | None]:
    graph = frozen.initializer_graph
    if not graph:
        return None, None
    signature = None
    if hasattr(graph, "outputs"):
        signature = converter._build_signature_def(graph, [], graph.outputs)  # noqa: SLF001
    return graph.as_graph_def(), signature


def _translate(convert: Callable[[], ModelJson], source: Path) -> ModelJson:
    """Call the converter and turn its exceptions into ours."""
    try:
        return convert()
    except ConversionError:
        raise
    except Exception as error:
        first, _, rest = str(error).partition("\n")
        if first.startswith(_UNSUPPORTED):
            raise _unsupported(rest.split(", ")) from error
        raise ConversionError(
            f"the converter failed: {type(error).__name__}: {format_reason(error, source)}"
        ) from error


def _user_inputs(frozen: Frozen) -> Sequence[Any]:
    return [tensor for tensor in frozen.inputs if tensor.dtype != tf.resource]


def _tie(named: Iterable[NamedTensor], tensors: Sequence[Any], *, side: str) -> list[Tie]:
    """Return name and tensor in the converted graph for each input or output.

    The tensor is the one that the name was followed to in saved_model.pb; it has to be among
    those that TensorFlow loaded, and of the stated dtype and a compatible shape.
    """
    by_name = {tensor.name: tensor for tensor in tensors}
    ties = []
    for part in named:
        tensor = by_name.get(part.inner or part.outer)
        if tensor is None:
            raise SignatureError(
                f"{side} {part.name!r}: its tensor {part.inner or part.outer} is not among "
                f"those of the loaded function: {', '.join(by_name)}"
            )
        stated = part.info.dtype
        shape = tf.TensorShape(part.info.tensor_shape)
        if (stated and tensor.dtype != stated) or not tensor.shape.is_compatible_with(shape):
            raise SignatureError(
                f"{side} {part.name!r}: the signature says {tf.dtypes.as_dtype(stated).name} "
                f"{shape}, its tensor {tensor.name} is {tensor.dtype.name} {tensor.shape}"
            )
        ties.append((part.name, tensor.name))
    return ties


def _rename(
    model_json: ModelJson, frozen: Frozen, inputs: list[Tie], outputs: list[Tie]
) -> ModelJson:
    """Return a model.json whose signature has the source's names, in structured order.

    Inputs that freezing made constants or removed are taken out of the list as well.
    """
    content = dict(model_json.content)
    nodes = {node["name"]: node["op"] for node in content["modelTopology"].get("node", [])}
    inputs[:] = [tie for tie in inputs if nodes.get(_node(tie[1]), "Const") != "Const"]
    lost = [name for name, tensor in outputs if _node(tensor) not in nodes]
    if lost:
        raise ConversionError(f"the converted graph lacks the outputs {', '.join(lost)}")
    old = content["signature"]
    resources = {key: info for key, info in old.get("inputs", {}).items() if "resourceId" in info}
    tensors = {tensor.name: tensor for tensor in (*frozen.inputs, *frozen.outputs)}
    content["signature"] = {
        **old,
        "inputs": {name: _to_json(tensors[tensor]) for name, tensor in inputs} | resources,
        "outputs": {name: _to_json(tensors[tensor]) for name, tensor in outputs},
    }
    return replace(model_json, content=_renumber(content))


def _to_json(tensor: Any) -> dict[str, Any]:
    info = TensorInfo(name=tensor.name, dtype=tensor.dtype.as_datatype_enum)
    info.tensor_shape.CopyFrom(tensor.shape.as_proto())
    return dict(MessageToDict(info))


def _renumber(content: dict[str, Any]) -> dict[str, Any]:
    """Count tables from 0: the converter's ids are TensorFlow's, from whatever ran before."""
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


def _describe(saved_model: SavedModel, tags: list[str]) -> dict[str, Any]:
    """Return all signatures; one that only another graph has says that graph's tags."""
    described: dict[str, Any] = {}
    for meta_graph in saved_model.meta_graphs:
        own = list(meta_graph.meta_info_def.tags)
        signatures = describe_signatures(meta_graph)
        if own == tags:
            described |= signatures
        else:
            for key, signature in signatures.items():
                described.setdefault(key, signature | {"tags": sorted(own)})
    return described


def _parse_tags(tags: str | Sequence[str] | None) -> list[str] | None:
    if tags is None:
        return None
    return [tag for tag in (tags.split(",") if isinstance(tags, str) else tags) if tag]


def _node(tensor: str) -> str:
    return tensor.partition(":")[0]
