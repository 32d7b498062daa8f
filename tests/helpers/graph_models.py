"""Small valid graph models, written the way tensorflowjs_converter writes them.

`write_graph_model(folder)` alone makes a dense layer with two outputs, which TensorFlow.js
loads and runs:

    x (-1, 8) ─ MatMul kernel (8, 4) ─ BiasAdd bias (4) ─┬─ Identity
                                                         └─ Sigmoid ─ Identity_1

Everything can be replaced by keyword, in order to be made wrong.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.records.flags import DEFAULT_SHARD_BYTES
from pipeline.tfjs.model.dtypes import format_dtype
from pipeline.tfjs.quantize.quantization import quantize

Array = npt.NDArray[Any]
Json = dict[str, Any]

MIB = 1024 * 1024


def dense_weights(num_inputs: int = 8, num_outputs: int = 4, *, seed: int = 0) -> dict[str, Array]:
    """Return the weights of the dense layer: `kernel` and `bias`."""
    rng = np.random.default_rng(seed)
    return {
        "kernel": rng.normal(size=(num_inputs, num_outputs)).astype(np.float32),
        "bias": rng.normal(size=num_outputs).astype(np.float32),
    }


def dense_nodes(num_inputs: int = 8) -> list[Json]:
    """Return the nodes of the dense layer, without its constants."""
    return [
        placeholder("x", (-1, num_inputs)),
        node("MatMul", "MatMul", ["x", "kernel"], transpose_a=False, transpose_b=False),
        node("BiasAdd", "BiasAdd", ["MatMul", "bias"]),
        node("Identity", "Identity", ["BiasAdd"]),
        node("Sigmoid", "Sigmoid", ["BiasAdd"]),
        node("Identity_1", "Identity", ["Sigmoid"]),
    ]


def dense_signature(num_inputs: int = 8, num_outputs: int = 4) -> Json:
    """Return the signature of the dense layer, its outputs named as the converter leaves them."""
    return {
        "inputs": {"x": tensor_info("x:0", (-1, num_inputs))},
        "outputs": {
            "Identity:0": tensor_info("Identity:0", (-1, num_outputs)),
            "Identity_1:0": tensor_info("Identity_1:0", (-1, num_outputs)),
        },
    }


def placeholder(name: str, shape: Sequence[int] | None, dtype: str = "float32") -> Json:
    """Return an input; -1 is an unknown size, None an unknown rank."""
    return {
        "name": name,
        "op": "Placeholder",
        "attr": {
            "dtype": {"type": format_dtype(dtype)},
            "shape": {"shape": _shape(shape)},
        },
    }


def constant(name: str, values: Array) -> Json:
    """Return a Const node as the converter leaves it, its values moved to the shards."""
    dtype = format_dtype(_dtype(values))
    tensor = {"dtype": dtype, "tensorShape": _shape(values.shape)}
    return {
        "name": name,
        "op": "Const",
        "attr": {"dtype": {"type": dtype}, "value": {"tensor": tensor}},
    }


def node(
    name: str, op: str, inputs: Sequence[str], *, dtype: str = "float32", **attributes: bool
) -> Json:
    """Return a node of type T = `dtype`, with attributes that are flags."""
    flags = {key: {"b": value} for key, value in attributes.items()}
    attr = {"T": {"type": format_dtype(dtype)}, **flags}
    return {"name": name, "op": op, "input": list(inputs), "attr": attr}


def tensor_info(
    tensor: str, shape: Sequence[int] | None = None, dtype: str = "float32", **others: Any
) -> Json:
    """Return a signature's entry."""
    return {
        "name": tensor,
        "dtype": format_dtype(dtype),
        "tensorShape": _shape(shape),
        **others,
    }


def topology(nodes: Sequence[Json], weights: Mapping[str, Array]) -> Json:
    """Return a GraphDef: a Const node for each weight, then the nodes."""
    constants = [constant(name, values) for name, values in weights.items()]
    return {"node": [*constants, *nodes], "library": {}, "versions": {"producer": 1882}}


def write_graph_model(  # noqa: PLR0913  # each can be replaced
    folder: Path,
    *,
    weights: Mapping[str, Array] | None = None,
    nodes: Sequence[Json] | None = None,
    signature: Json | None = None,
    stored: Mapping[str, str] | None = None,
    shard_size_bytes: int = DEFAULT_SHARD_BYTES,
    groups: Sequence[Sequence[str]] | None = None,
    shard_name: str = "group{group}-shard{shard}of{count}.bin",
    entry: str = "model.json",
    **others: Any,
) -> Path:
    """Write a graph model, and return the path of its entry file.

    Args:
        folder: Made if it is missing.
        weights: Values by name: float32, int32, bool, complex64, or object for bytes.
        nodes: Nodes of the graph but for the constants.
        signature: In place of the dense layer's; `{}` leaves the key out.
        stored: Dtypes of weights that are quantized: {"kernel": "uint8"}.
        shard_size_bytes: Where the stream of a group is cut.
        groups: Names of the weights in each weight group; one group of all if None.
        shard_name: Names of the shards.
        entry: Name of the entry file.
        others: Further keys of model.json, or replaced ones; None leaves a key out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = dense_weights() if weights is None else weights
    manifest = []
    for number, names in enumerate([list(weights)] if groups is None else groups, start=1):
        encoded = [encode_weight(name, weights[name], (stored or {}).get(name)) for name in names]
        stream = b"".join(content for _, content in encoded)
        cuts = range(0, len(stream), shard_size_bytes)
        paths = [
            shard_name.format(group=number, shard=i, count=len(cuts))
            for i in range(1, len(cuts) + 1)
        ]
        for path, start in zip(paths, cuts, strict=True):
            (folder / path).write_bytes(stream[start : start + shard_size_bytes])
        manifest.append({"paths": paths, "weights": [spec for spec, _ in encoded]})
    signature = dense_signature() if signature is None else signature
    content = {
        "format": "graph-model",
        "generatedBy": "2.19.0",
        "convertedBy": "TensorFlow.js Converter v4.22.0",
        "modelTopology": topology(dense_nodes() if nodes is None else nodes, weights),
        "signature": signature or None,
        "weightsManifest": manifest,
    } | others
    written = folder / entry
    written.write_text(
        json.dumps({key: value for key, value in content.items() if value is not None})
    )
    return written


def encode_weight(name: str, values: Array, stored: str | None = None) -> tuple[Json, bytes]:
    """Return a weight's entry in the manifest and its bytes in the shards."""
    spec: Json = {"name": name, "shape": list(values.shape), "dtype": _dtype(values)}
    if stored is not None:
        values, quantization = quantize(values, stored)
        fields = vars(quantization)
        spec["quantization"] = {key: value for key, value in fields.items() if value is not None}
    if spec["dtype"] == "string":
        return spec, b"".join(len(s).to_bytes(4, "little") + s for s in values.reshape(-1))
    return spec, values.tobytes()


def _shape(shape: Sequence[int] | None) -> Json:
    if shape is None:
        return {"unknownRank": True}
    return {"dim": [{"size": str(size)} for size in shape]} if shape else {}


def _dtype(values: Array) -> str:
    return "string" if values.dtype == object else str(values.dtype.name)
