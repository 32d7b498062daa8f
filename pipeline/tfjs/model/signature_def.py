"""SignatureDef: the named inputs and outputs in a model.json, as protobuf JSON.

TensorFlow.js finds it under "userDefinedMetadata" or, failing that, under "signature"
(tfjs-converter: graph_model.ts). Each entry has a key and a TensorInfo:

    "boxes": {"name": "Identity:0", "dtype": "DT_FLOAT", "tensorShape": {"dim": [{"size": "-1"}]}}

In files of others the index of "name", the dtype and the shape may be missing. This module opens no
file.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.disk.json_value import JsonValue
from pipeline.errors import SignatureError
from pipeline.records.shape import Shape
from pipeline.records.signature import Signature, SignatureTensor
from pipeline.tfjs.model.dtypes import format_dtype, parse_dtype
from pipeline.tfjs.model.inference import format_shape, parse_shape
from pipeline.tfjs.model.topology import check_shape, split_tensor_name, tensor_name

# The names of the results of `predict()`, under "userDefinedMetadata".
STRUCTURED_OUTPUT_KEYS = "structuredOutputKeys"

_MAX_INDEX = 2**32 - 2


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """An entry of a signature.

    Attributes:
        key: Its name in the signature.
        tensor: Tensor in the graph, as `node:index`.
        dtype: TensorFlow dtype, None if not stated.
        shape: Size of each axis, None where unknown or not stated.
        extra: Other fields, such as `resourceId` of a hash table.
        complex_dtype: TensorFlow dtype in the source of a tensor that has both parts of complex
            numbers along its last axis; None for any other.
    """

    key: str
    tensor: str
    dtype: str | None
    shape: Shape
    extra: Mapping[str, Any] = field(default_factory=dict)
    complex_dtype: str | None = None

    @property
    def node(self) -> str:
        """The node that makes it."""
        return split_tensor_name(self.tensor)[0]

    @property
    def is_resource(self) -> bool:
        """Whether TensorFlow.js itself feeds it: a hash table that the initializer makes."""
        return "resourceId" in self.extra or self.dtype in ("resource", "variant")


@dataclass(frozen=True, kw_only=True)
class SignatureDef:
    """Inputs and outputs of a model, in the order in which TensorFlow.js reads them."""

    inputs: tuple[TensorInfo, ...] = ()
    outputs: tuple[TensorInfo, ...] = ()


def parse_signature_def(content: Mapping[str, Any]) -> SignatureDef:
    """Read the signature in a decoded model.json; it is empty without one.

    Raises:
        SignatureError: An entry is no TensorInfo.
    """
    metadata = content.get("userDefinedMetadata")
    places = (("userDefinedMetadata.signature", metadata), ("signature", content))
    for where, holder in places:
        wire = holder.get("signature") if isinstance(holder, Mapping) else None
        if isinstance(wire, Mapping) and (wire.get("inputs") or wire.get("outputs")):
            stated = JsonValue(wire, where, error=SignatureError)
            return SignatureDef(
                inputs=_parse_side(stated.get("inputs")),
                outputs=_parse_side(stated.get("outputs")),
            )
    return SignatureDef()


def format_signature_def(signature: SignatureDef) -> dict[str, Any]:
    """Return a signature as protobuf JSON, in its order."""
    return {
        side: {info.key: format_tensor_info(info) for info in infos}
        for side, infos in (("inputs", signature.inputs), ("outputs", signature.outputs))
    }


def format_tensor_info(info: TensorInfo) -> dict[str, Any]:
    """Return an entry of a signature as protobuf JSON."""
    wire = {**info.extra, "name": info.tensor, "tensorShape": format_shape(info.shape)}
    return wire if info.dtype is None else {**wire, "dtype": format_dtype(info.dtype)}


def javascript_order(keys: Iterable[str]) -> list[str]:
    """Return the keys of an object in the order in which JavaScript visits them.

    Array indices such as "7" come first, by their number; the other keys follow in the order of
    the text (ECMA-262, OrdinaryOwnPropertyKeys).
    """
    keys = list(keys)
    indices = sorted((key for key in keys if is_array_index(key)), key=int)
    return indices + [key for key in keys if not is_array_index(key)]


def is_array_index(key: str) -> bool:
    """Return whether JavaScript takes a key for an array index and moves it to the front."""
    return re.fullmatch("0|[1-9][0-9]{0,9}", key) is not None and int(key) <= _MAX_INDEX


def _parse_side(wire: JsonValue) -> tuple[TensorInfo, ...]:
    entries = {} if wire.is_absent else dict(wire.fields())
    return tuple(_parse_tensor_info(key, entries[key]) for key in javascript_order(entries))


def _parse_tensor_info(key: str, wire: JsonValue) -> TensorInfo:
    tensor, stated, shape = wire.get("name").text(), wire.get("dtype"), wire.get("tensorShape")
    dtype = parse_dtype(stated.value)
    if dtype is None and not stated.is_absent and stated.value not in ("DT_INVALID", 0):
        stated.refuse('a dtype, such as "DT_FLOAT"')
    if not shape.is_absent:
        check_shape(shape)
    known = ("name", "dtype", "tensorShape")
    return TensorInfo(
        key=key,
        tensor=tensor_name(tensor),
        dtype=dtype,
        shape=None if shape.is_absent else parse_shape(shape.value),
        extra={name: value for name, value in wire.value.items() if name not in known},
    )


def rewrite_signature(content: Mapping[str, Any], signature: Signature) -> dict[str, Any]:
    """Return a decoded model.json with exactly the names and the order of a signature.

    Inputs that TensorFlow.js itself feeds keep their entries. Other lists of output names would
    contradict: the signature under "userDefinedMetadata" is removed, and its
    `structuredOutputKeys`, which `predict()` pairs with outputs by position, are rewritten.

    Args:
        content: The model.json without its weight manifest.
        signature: The inputs and outputs to write.
    """
    inputs = tuple(map(_to_info, signature.inputs))
    outputs = tuple(map(_to_info, signature.outputs))
    resources = tuple(info for info in parse_signature_def(content).inputs if info.is_resource)
    topology = content["modelTopology"]
    nodes, outputs = split_shared_outputs(topology["node"], inputs + resources, outputs)
    renamed = SignatureDef(inputs=inputs + resources, outputs=outputs)
    rewritten = {
        **content,
        "modelTopology": {**topology, "node": nodes},
        "signature": format_signature_def(renamed),
    }
    metadata = {**(rewritten.pop("userDefinedMetadata", None) or {})}
    metadata.pop("signature", None)
    if STRUCTURED_OUTPUT_KEYS in metadata:
        metadata[STRUCTURED_OUTPUT_KEYS] = [info.key for info in outputs]
    return {**rewritten, "userDefinedMetadata": metadata} if metadata else rewritten


def split_shared_outputs(
    nodes: Sequence[Mapping[str, Any]], inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]
) -> tuple[list[Mapping[str, Any]], tuple[TensorInfo, ...]]:
    """Return nodes and outputs with a node for each output.

    TensorFlow.js keeps one signature key per node (operation_mapper.ts). If two outputs share a
    node, as in TensorFlow 1 models, `predict()` returns one in place of the other; an output on an
    input's node is not found at all. A further Identity node cures both; existing tensors stay.
    """
    names = {str(node["name"]) for node in nodes}
    taken = {info.node for info in inputs}
    added: list[Mapping[str, Any]] = []
    split = []
    for info in outputs:
        tensor = info.tensor
        if info.node in taken:
            name = _free_name(f"{info.node}/output", names)
            attrs = {"T": {"type": format_dtype(info.dtype)}} if info.dtype else {}
            source = tensor.removesuffix(":0")
            added.append({"name": name, "op": "Identity", "input": [source], "attr": attrs})
            names.add(name)
            tensor = tensor_name(name)
        taken.add(info.node)
        split.append(replace(info, tensor=tensor))
    return [*nodes, *added], tuple(split)


def _free_name(name: str, taken: set[str]) -> str:
    candidates = (name, *(f"{name}_{i}" for i in range(1, len(taken) + 1)))
    return next(candidate for candidate in candidates if candidate not in taken)


def _to_info(entry: SignatureTensor) -> TensorInfo:
    return TensorInfo(key=entry.name, tensor=entry.tensor, dtype=entry.dtype, shape=entry.shape)
