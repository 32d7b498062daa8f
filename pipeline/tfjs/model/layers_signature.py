"""Signatures of layers models: inputs and outputs under the names that TensorFlow.js gives them.

A layers model has no signature: TensorFlow.js takes inputs by name, returns outputs in order, and
names both after layers. This module uses the names of `predict()`, but numbers the outputs of one
layer, which share a name there. It opens no file.
"""

from collections.abc import Mapping, Sequence

from pipeline.errors import SignatureError
from pipeline.records.shape import Shape
from pipeline.records.signature import Proof, Signature, SignatureOutput, SignatureTensor
from pipeline.records.source import Conversion, LoadedTensor, StatedTensor, Tie
from pipeline.tfjs.model.dtypes import js_dtype
from pipeline.tfjs.model.inference import merge_shapes
from pipeline.tfjs.model.layers_topology import parse_layers
from pipeline.tfjs.model.model_json import ModelJson


def read_layers_signature(
    model_json: ModelJson, record: Conversion, *, parameters: int
) -> Signature:
    """Return the signature of a layers model.

    Args:
        model_json: The model.json of the base.
        record: The facts on its source, with the tensors of the model that TensorFlow.js `loaded`.
            If the source names inputs and outputs too, ties give them these names.
        parameters: The number of values in its weights.

    Raises:
        SignatureError: Source and TensorFlow.js contradict each other.
    """
    layers = parse_layers(model_json.content["modelTopology"])
    loaded, stated = record.loaded, record.stated
    if loaded is None:
        raise SignatureError("nothing is known of the model's layers in TensorFlow.js")
    outputs = [
        _describe(i, tensor, record.outputs, stated.outputs, f"outputs[{i}]")
        for i, tensor in enumerate(loaded.outputs)
    ]
    proof: Proof | None = "structure" if record.outputs is not None else None
    return Signature(
        format="layers-model",
        inputs=[
            _describe(i, tensor, record.inputs, stated.inputs, f"inputs[{i}]")
            for i, tensor in enumerate(loaded.inputs)
        ],
        outputs=[SignatureOutput(**vars(output), proof=proof) for output in outputs],
        requires_async=False,
        parameters=parameters,
        ops=layers.count_layers(),
        signature_key=record.signature_key,
        signatures=record.signatures or {},
        tags=record.tags or [],
    )


def _describe(
    number: int,
    loaded: LoadedTensor,
    ties: Sequence[Tie] | None,
    stated: Mapping[str, StatedTensor],
    where: str,
) -> SignatureTensor:
    """Return the facts on one input or output, from both sides."""
    tensor = loaded.name
    names = [tie.name for tie in ties or () if tie.tensor == tensor]
    if ties is not None and len(names) != 1:
        known = ", ".join(tie.tensor for tie in ties)
        raise SignatureError(
            f"{where}: TensorFlow.js calls it {tensor!r}; the source has {known or 'none'}"
        )
    name = names[0] if names else tensor
    dtype, shape = loaded.dtype, loaded.shape
    if name in stated:
        dtype = stated[name].dtype or dtype
        shape = _merge(shape, stated[name].shape, f"{where} ({name})")
    js = js_dtype(dtype)
    if js is None:
        raise SignatureError(f"{where} ({name}) is {dtype}, which TensorFlow.js does not have")
    return SignatureTensor(
        id=number, name=name, tensor=tensor, dtype=dtype, js_dtype=js, shape=shape
    )


def _merge(loaded: Shape, stated: Shape, where: str) -> Shape:
    try:
        return merge_shapes(stated, loaded)
    except ValueError as error:
        raise SignatureError(
            f"{where}: the source and its layers in TensorFlow.js contradict each other: {error}"
        ) from None
