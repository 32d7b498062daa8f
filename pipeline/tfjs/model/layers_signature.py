"""Signatures of layers models: inputs and outputs under the names that TensorFlow.js gives them.

A layers model has no signature: TensorFlow.js takes its inputs by name and returns its outputs
in order, and names both after layers. `predict()` and this module call them the same; two
outputs of one layer, which have one name there, are told apart by a number. It opens no file.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.errors import SignatureError
from pipeline.tfjs.model.dtypes import js_dtype
from pipeline.tfjs.model.inference import Shape, merge_shapes, parse_sizes
from pipeline.tfjs.model.layers_topology import LAYERS_FORMAT, parse_layers
from pipeline.tfjs.model.model_json import ModelJson

_LOADED = "loaded"


def read_layers_signature(
    model_json: ModelJson, record: Mapping[str, Any], *, parameters: int
) -> dict[str, Any]:
    """Return the content of signature.json for a layers model.

    Args:
        model_json: The base's.
        record: Its source record, with `loaded`: the inputs and outputs that TensorFlow.js has
            found, in its order. Where the source names them too, `inputs` and `outputs` tie its
            names to those, and `signatures` says what it knows of each.
        parameters: The number of values in its weights.

    Raises:
        SignatureError: Source and TensorFlow.js contradict each other.
    """
    layers = parse_layers(model_json.content["modelTopology"])
    stated = (record.get("signatures") or {}).get(record.get("signature_key")) or {}
    inputs, outputs = (
        [
            {"id": i, **_entry(info, record.get(side), stated.get(side) or {}, f"{side}[{i}]")}
            for i, info in enumerate(record[_LOADED][side])
        ]
        for side in ("inputs", "outputs")
    )
    proof = "structure" if record.get("outputs") is not None else None
    return {
        "format": LAYERS_FORMAT,
        "inputs": inputs,
        "outputs": [{**entry, "proof": proof} for entry in outputs],
        "requiresAsync": False,
        "parameters": parameters,
        "ops": layers.count_layers(),
        "signatureKey": record.get("signature_key"),
        "signatures": record.get("signatures") or {},
        "tags": record.get("tags") or [],
    }


def _entry(
    info: Mapping[str, Any],
    ties: Sequence[Mapping[str, str]] | None,
    stated: Mapping[str, Mapping[str, Any]],
    where: str,
) -> dict[str, Any]:
    """Return what is known of one input or output, from both sides."""
    tensor = info["name"]
    names = [tie["name"] for tie in ties or () if tie["tensor"] == tensor]
    if ties is not None and len(names) != 1:
        known = ", ".join(tie["tensor"] for tie in ties)
        raise SignatureError(
            f"{where}: TensorFlow.js calls it {tensor!r}; the source has {known or 'none'}"
        )
    name = names[0] if names else tensor
    dtype, shape = info["dtype"], parse_sizes(info["shape"])
    if name in stated:
        dtype = stated[name]["dtype"]
        shape = _merge(shape, parse_sizes(stated[name]["shape"]), f"{where} ({name})")
    js = js_dtype(dtype)
    if js is None:
        raise SignatureError(f"{where} ({name}) is {dtype}, which TensorFlow.js does not have")
    return {
        "name": name,
        "tensor": tensor,
        "dtype": dtype,
        "jsDtype": js,
        "shape": None if shape is None else [-1 if size is None else size for size in shape],
    }


def _merge(loaded: Shape, stated: Shape, where: str) -> Shape:
    try:
        return merge_shapes(stated, loaded)
    except ValueError as error:
        raise SignatureError(
            f"{where}: the source and its layers in TensorFlow.js contradict each other: {error}"
        ) from None
