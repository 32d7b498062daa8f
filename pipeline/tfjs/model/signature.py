"""Signatures: the inputs and outputs of a base, under the names of its source.

The converter loses names: it keeps a name if only one output has that dtype and shape, and calls
the others Identity_1, Identity_2. The source record ties source names to tensors, in the order of
the structured outputs. This module joins the two and checks that they do not contradict each other.
It adds whether the model needs `executeAsync()`. It opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.errors import SignatureError
from pipeline.records.signature import Proof, Signature, SignatureOutput, SignatureTensor
from pipeline.records.source import Conversion, StatedTensor, Tie
from pipeline.tfjs.model.dtypes import NUM_PARTS, is_complex, js_dtype
from pipeline.tfjs.model.inference import merge_shapes
from pipeline.tfjs.model.layers_signature import read_layers_signature
from pipeline.tfjs.model.layers_topology import is_layers_model
from pipeline.tfjs.model.model_json import ModelJson
from pipeline.tfjs.model.signature_def import (
    STRUCTURED_OUTPUT_KEYS,
    TensorInfo,
    is_array_index,
    javascript_order,
    parse_signature_def,
)
from pipeline.tfjs.model.topology import Topology, parse_topology, tensor_name
from pipeline.tfjs.rewrite.repair import check_node


@dataclass(frozen=True, kw_only=True)
class _Side:
    """The inputs or the outputs of a signature, from the graph and from the source.

    Attributes:
        title: "inputs" or "outputs".
        infos: Entries in the model.json.
        ties: Names of the source, each with its tensor; None if the source has no names.
        stated: Entries of the source's own signature, by name.
    """

    title: str
    infos: Sequence[TensorInfo]
    ties: Sequence[Tie] | None
    stated: Mapping[str, StatedTensor]


def read_signature(model_json: ModelJson, record: Conversion) -> Signature:
    """Return the signature of a base.

    Args:
        model_json: The model.json of the base.
        record: The facts on its source: the names of its inputs and outputs, None if the
            model.json itself states them.

    Raises:
        SignatureError: Record, signature and graph contradict each other.
    """
    if is_layers_model(model_json.content):
        return read_layers_signature(model_json, record, parameters=count_parameters(model_json))
    topology = parse_topology(model_json.content["modelTopology"])
    signature = parse_signature_def(model_json.content)
    stated = record.stated
    fed = [info for info in signature.inputs if not info.is_resource]
    inputs, outputs = (
        _name(side)
        for side in (
            _Side(title="inputs", infos=fed, ties=record.inputs, stated=stated.inputs),
            _Side(
                title="outputs", infos=signature.outputs, ties=record.outputs, stated=stated.outputs
            ),
        )
    )
    if not outputs:
        raise SignatureError("the model has no outputs")
    for title, infos in (("inputs", inputs), ("outputs", outputs)):
        for info in infos:
            check_node(info, topology, side=title)
    proof = _proof(model_json.content, record, [info.key for info in outputs])
    return Signature(
        format="graph-model",
        inputs=[_describe(i, info, "input") for i, info in enumerate(inputs)],
        outputs=[
            SignatureOutput(
                **vars(_describe(i, info, "output")),
                proof=proof,
                step=(record.steps or {}).get(info.key),
            )
            for i, info in enumerate(outputs)
        ],
        requires_async=_requires_async(model_json, topology),
        parameters=count_parameters(model_json),
        ops=topology.count_ops(),
        signature_key=record.signature_key,
        signatures=record.signatures or {},
        tags=record.tags or [],
    )


def count_parameters(model_json: ModelJson) -> int:
    """Return the number of floating-point values in the weights, for any way to store them.

    Integers and strings in a graph are sizes, axes and labels, which nobody trained.
    """
    floating = ("float32", "complex64")
    return sum(spec.size for spec in model_json.weights if spec.dtype in floating)


def _name(side: _Side) -> list[TensorInfo]:
    """Return the entries under their source names, in the order of keys in JavaScript."""
    named = _own_names(side.infos) if side.ties is None else _tied_names(side)
    by_name = {info.key: info for info in named}
    if len(by_name) < len(named):
        names = sorted(info.key for info in named)
        raise SignatureError(f"two {side.title} of the source have one name: {', '.join(names)}")
    return [by_name[name] for name in javascript_order(by_name)]


def _own_names(infos: Sequence[TensorInfo]) -> list[TensorInfo]:
    """Return entries under their keys; the node's name replaces a key that is the tensor's name.

    The tensor's name stays if the node's name is taken, or is a number, which JavaScript would
    move to the front.
    """
    keys = {info.key for info in infos}
    named = []
    for info in infos:
        is_tensor = tensor_name(info.key) == info.tensor and info.tensor.endswith(":0")
        taken = is_array_index(info.node) or (info.node in keys and info.key != info.node)
        named.append(replace(info, key=info.node) if is_tensor and not taken else info)
    return named


def _tied_names(side: _Side) -> list[TensorInfo]:
    """Return entries under the names that the record ties to their tensors, in its order."""
    ties = [(tie.name, tensor_name(tie.tensor)) for tie in side.ties or ()]
    by_tensor = {info.tensor: info for info in side.infos}
    if {tensor for _, tensor in ties} != set(by_tensor):
        raise _contradiction(side, "they are not the same tensors")
    return [_agree(side, name, by_tensor[tensor]) for name, tensor in ties]


def _agree(side: _Side, name: str, info: TensorInfo) -> TensorInfo:
    """Return an entry under a source name, with the facts of source and graph."""
    stated = side.stated.get(name)
    if stated is None:
        return replace(info, key=name)
    dtype, shape = stated.dtype, stated.shape
    complex_dtype = dtype if is_complex(dtype) and not is_complex(info.dtype) else None
    if dtype is None or complex_dtype:
        dtype = info.dtype
    if complex_dtype and shape is not None:
        shape = (*shape, NUM_PARTS)
    if info.dtype not in (None, dtype):
        raise _contradiction(side, f"{name} is {dtype}, {info.tensor} is {info.dtype}")
    try:
        shape = merge_shapes(info.shape, shape)
    except ValueError as error:
        raise _contradiction(side, f"{name} is {info.tensor}, but {error}") from None
    return replace(info, key=name, dtype=dtype, shape=shape, complex_dtype=complex_dtype)


def _contradiction(side: _Side, reason: str) -> SignatureError:
    source = "; ".join(
        f"{tie.name} = {tensor_name(tie.tensor)}{_describe_stated(side, tie.name)}"
        for tie in side.ties or ()
    )
    graph = "; ".join(f"{info.tensor} {info.dtype} {info.shape}" for info in side.infos)
    return SignatureError(
        f"{side.title} of the source and of the converted graph contradict each other: {reason}\n"
        f"  source: {source or 'none'}\n"
        f"  graph:  {graph or 'none'}"
    )


def _describe_stated(side: _Side, name: str) -> str:
    stated = side.stated.get(name)
    return f" {stated.dtype} {stated.shape}" if stated else ""


def _proof(content: Mapping[str, Any], record: Conversion, names: Sequence[str]) -> Proof | None:
    """Return "structure" if the order of structured outputs tied the names, else None."""
    metadata = content.get("userDefinedMetadata") or {}
    tied = record.outputs is not None or metadata.get(STRUCTURED_OUTPUT_KEYS) == list(names)
    return "structure" if tied else None


def _requires_async(model_json: ModelJson, topology: Topology) -> bool:
    """Return whether the model, or the initializer that runs before it, needs executeAsync()."""
    signature = parse_signature_def(model_json.content)
    weights = [spec.name for spec in model_json.weights]
    known = weights + [info.node for info in signature.inputs]
    if topology.requires_async([info.node for info in signature.outputs], known=known):
        return True
    wire = model_json.content.get("modelInitializer")
    if not wire:
        return False
    return parse_topology(wire, where="modelInitializer").requires_async([], known=weights)


def _describe(number: int, info: TensorInfo, side: str) -> SignatureTensor:
    where = f"{side} {info.key!r} ({info.tensor})"
    if info.dtype is None:
        raise SignatureError(f"{where}: neither the signature nor the graph tells its dtype")
    dtype = js_dtype(info.dtype)
    if dtype is None:
        raise SignatureError(f"{where} is {info.dtype}, which TensorFlow.js does not have")
    return SignatureTensor(
        id=number,
        name=info.key,
        tensor=info.tensor,
        dtype=info.dtype,
        complex_dtype=info.complex_dtype,
        js_dtype=dtype,
        shape=info.shape,
    )
