"""Converts a SavedModel to a graph model, through the functions of the tensorflowjs package.

Weights stay float32 as in the source; variants are made elsewhere. Names come from our own
matching: the converter matches outputs by dtype and shape, and fails if two agree.
"""

import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, SignatureDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflowjs.converters import tf_saved_model_conversion_v2 as converter

from pipeline.errors import SignatureError
from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion, StatedSignature, Tie
from pipeline.tf.saved_model.callable_models import sign_call
from pipeline.tf.saved_model.freeze import Frozen, freeze_signature
from pipeline.tf.saved_model.freeze_directly import freeze_directly
from pipeline.tf.saved_model.front import cut_frozen, name_inputs, part_node, without_front
from pipeline.tf.saved_model.meta_graph import choose_meta_graph, load_saved_model
from pipeline.tf.saved_model.signatures import (
    NamedTensor,
    choose_signature,
    describe_signatures,
    find_parsers,
    list_signatures,
    trace_signature,
)
from pipeline.tf.state_start import list_start
from pipeline.tf.untrusted.reach import Library
from pipeline.tf.untrusted.refuse import check_trusted
from pipeline.tf.write_graph_model import write_graph_model

MODULE_FILE = "tfhub_module.pb"
"""The file by which a module of TF Hub's first format is recognized."""


def convert_saved_model(*, source: Path, folder: Path, flags: ConversionFlags) -> Conversion:
    """Convert one signature of a SavedModel.

    Args:
        source: Folder that holds saved_model.pb.
        folder: The folder for model.json and shards.
        flags: All but output_node_names and split_weights_by_layer are read.

    Returns:
        The signatures and tags of the source; inputs and outputs with the tensor of the converted
        graph for each name, in structured order; repairs.

    Raises:
        FormatError: The files are missing, cut off or no SavedModel.
        UntrustedSourceError: The graph touches the machine, and `trust` is not set.
        SignatureError: The signature or the tags do not exist, or are ambiguous.
        ConversionError: The converter cannot convert it.
    """
    saved_model = load_saved_model(source)
    meta_graph = choose_meta_graph(saved_model, flags.saved_model_tags)
    library = Library(meta_graph.graph_def)
    if not flags.trust:
        check_trusted(meta_graph, library)
    if not list_signatures(meta_graph):
        return _convert_call(source, meta_graph, folder, flags)
    key = choose_signature(
        meta_graph,
        flags.signature_name,
        is_module=(source / MODULE_FILE).is_file(),
        library=library,
    )
    traced = trace_signature(meta_graph, key)
    frozen = freeze_directly(
        source, meta_graph, traced, library=library, control_flow_v2=flags.control_flow_v2
    ) or freeze_signature(
        source,
        meta_graph=meta_graph,
        signature_key=key,
        control_flow_v2=flags.control_flow_v2,
    )
    frozen, cut = cut_frozen(frozen)
    if cut is None and not flags.skip_op_check:
        _check_examples(meta_graph, key, library)
    given = [part for part in traced.inputs if not (cut and part_node(part) in cut.fetched)]
    fetched = name_inputs(cut, traced.inputs) if cut else {}
    written = write_graph_model(
        frozen,
        inputs=[
            *_tie(given, _user_inputs(frozen), side="input"),
            *(Tie(name=name, tensor=tensor) for name, tensor in fetched.items()),
            *(Tie(name=each.name, tensor=each.input.name) for each in frozen.state),
        ],
        outputs=[
            *_tie(traced.outputs, frozen.outputs, side="output"),
            *(Tie(name=each.name, tensor=each.output.name) for each in frozen.state),
        ],
        signature=_build_signature(frozen, None if cut else meta_graph.signature_def[key]),
        source=source,
        folder=folder,
        flags=flags,
    )
    signatures = _describe(saved_model, list(meta_graph.meta_info_def.tags))
    if cut:
        signatures[key] = without_front(
            signatures[key], frozen, fetched, [part.name for part in given]
        )
    return Conversion(
        signature_key=key,
        tags=sorted(sorted(graph.meta_info_def.tags) for graph in saved_model.meta_graphs),
        signatures=signatures,
        inputs=written.inputs,
        outputs=written.outputs,
        repairs=[*(cut.repairs.values() if cut else ()), *written.repairs],
        rounds_to=written.rounds_to,
        state={each.name: list_start(each.name, each.value) for each in frozen.state} or None,
    )


def _convert_call(
    source: Path, meta_graph: MetaGraphDef, folder: Path, flags: ConversionFlags
) -> Conversion:
    """Convert the call of a model without signatures."""
    tags = list(meta_graph.meta_info_def.tags)
    with tempfile.TemporaryDirectory(dir=folder) as signed:
        key = sign_call(source, tags, flags.signature_name, Path(signed))
        chosen = flags.model_copy(update={"signature_name": key, "saved_model_tags": None})
        made = convert_saved_model(source=Path(signed), folder=folder, flags=chosen)
    return made.model_copy(update={"tags": [sorted(tags)]})


def _check_examples(meta_graph: MetaGraphDef, key: str, library: Library) -> None:
    """Raise for a signature whose inputs only TensorFlow can read."""
    if not find_parsers(meta_graph, key, library):
        return
    others = [
        other
        for other in list_signatures(meta_graph)
        if not find_parsers(meta_graph, other, library)
    ]
    raise SignatureError(
        f"the signature {key!r} takes serialized tf.Example records, which TensorFlow.js "
        "cannot read",
        hint=f"set `signature_name: {others[0]}`, which takes tensors"
        if others
        else "export the model again with a signature that takes tensors (for estimators: "
        "tf.estimator.export.build_raw_serving_input_receiver_fn)",
    )


def _build_signature(frozen: Frozen, stated: SignatureDef | None) -> SignatureDef:
    """Return the signature that the converter's optimizer must keep: all inputs and outputs."""
    signature = converter._build_signature_def(  # noqa: SLF001  # the pinned converter has no other way
        frozen.graph, frozen.inputs, frozen.outputs, None if frozen.state else stated
    )
    if len(signature.outputs) < len({tensor.name for tensor in frozen.outputs}):
        # Two outputs matched the same name, and one would be optimized away.
        signature = converter._build_signature_def(  # noqa: SLF001  # the pinned converter has no other way
            frozen.graph, frozen.inputs, frozen.outputs
        )
    return signature


def _user_inputs(frozen: Frozen) -> Sequence[Any]:
    return [tensor for tensor in frozen.inputs if tensor.dtype != tf.resource]


def _tie(named: Iterable[NamedTensor], tensors: Sequence[Any], *, side: str) -> list[Tie]:
    """Return name and tensor in the converted graph for each input or output.

    The tensor was found in saved_model.pb by its name. It must be among the tensors that
    TensorFlow loaded, and have the stated dtype and a compatible shape.
    """
    by_name = {tensor.name: tensor for tensor in tensors}
    # TensorFlow names the only output of a node that a signature feeds as if it were its first.
    nodes = Counter(part_node(part) for part in named)
    ties = []
    for part in named:
        node = part_node(part)
        tensor = by_name.get(part.inner or part.outer)
        if tensor is None and nodes[node] == 1:
            tensor = by_name.get(f"{node}:0")
        if tensor is None:
            raise SignatureError(
                f"{side} {part.name!r}: its tensor {part.inner or part.outer} is not among "
                f"those of the loaded function: {', '.join(by_name)}"
            )
        stated = tf.dtypes.as_dtype(part.info.dtype).base_dtype if part.info.dtype else None
        shape = tf.TensorShape(part.info.tensor_shape)
        is_other = stated is not None and tensor.dtype != stated
        if is_other or not tensor.shape.is_compatible_with(shape):
            raise SignatureError(
                f"{side} {part.name!r}: the signature says {stated and stated.name} "
                f"{shape}, its tensor {tensor.name} is {tensor.dtype.name} {tensor.shape}"
            )
        ties.append(Tie(name=part.name, tensor=tensor.name))
    return ties


def _describe(saved_model: SavedModel, tags: list[str]) -> dict[str, StatedSignature]:
    """Return all signatures; those of another graph only also state that graph's tags."""
    described: dict[str, StatedSignature] = {}
    for meta_graph in saved_model.meta_graphs:
        own = list(meta_graph.meta_info_def.tags)
        signatures = describe_signatures(meta_graph)
        if own == tags:
            described |= signatures
        else:
            for key, signature in signatures.items():
                described.setdefault(key, signature.model_copy(update={"tags": sorted(own)}))
    return described
