"""Which form each weight of a model may take, and which it takes in a variant. It opens no file."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.tfjs.model.dtypes import ITEM_SIZES, QUANTIZED_ITEM_SIZES
from pipeline.tfjs.model.layers_topology import is_layers_model
from pipeline.tfjs.model.model_json import ModelJson
from pipeline.tfjs.model.topology import parse_topology
from pipeline.tfjs.model.weight_manifest import WeightSpec
from pipeline.tfjs.quantize.channels import Axes, find_channels
from pipeline.tfjs.quantize.forms import AS_IN_BASE, Form, FormDtype, block_form, scale_layout
from pipeline.tfjs.quantize.nibbles import find_pack_axis
from pipeline.tfjs.quantize.patterns import assign_dtypes
from pipeline.tfjs.quantize.scaled_weights import measure_form, part_names

DEFAULT_BLOCK = 32
KEPT = "float32"
"""The word for weights that stay as in the base."""

_DTYPES: Mapping[str, FormDtype] = {"float16": "float16", "uint8": "uint8", "uint16": "uint16"}
_PER_CHANNEL = "per_channel"
_BLOCK = "block"
_FOUR_BITS = "four_bits"


@dataclass(frozen=True, kw_only=True)
class Request:
    """How a variant is to store weights: patterns of their names, `*` for all others.

    Attributes:
        quantize: By dtype: {"uint8": ["*/weights"], "float16": ["*"]}; by `KEPT` the weights that
            stay as in the base.
        per_channel: Of weights in uint8 that get a scale for each channel.
        block: Number of values in a block that has a scale of its own, about.
        block_weights: Of weights in uint8 that get a scale for each block.
        four_bits: Of weights with scales that are stored in 4 bits.
    """

    quantize: Mapping[str, Sequence[str]]
    per_channel: Sequence[str] = ()
    block: int | None = None
    block_weights: Sequence[str] = ()
    four_bits: Sequence[str] = ()


def possible_forms(
    model_json: ModelJson, *, block: int = DEFAULT_BLOCK
) -> dict[str, tuple[Form, ...]]:
    """Return the forms that each float32 weight may take, those that make it smaller.

    The first is "float32", which leaves a weight as the base has it; for many small weights it is
    the only one. A weight has forms with channels only in a graph model, where `find_channels`
    finds them.

    Args:
        model_json: The base.
        block: Number of values that share a scale, about; see `block_form`.
    """
    channels = _find_channels(model_json)
    return {
        spec.name: tuple(_smaller_forms(spec, channels.get(spec.name), block))
        for spec in model_json.weights
        if spec.dtype == "float32"
    }


def choose_forms(model_json: ModelJson, request: Request) -> dict[str, Form]:
    """Return the form of each weight that a variant asks for.

    A weight that is to have scales, but has no channels or would not become smaller, takes the
    other dtype that a pattern asks for, if any, else stays.

    Returns:
        By name; weights that stay as they are in the base are left out.

    Raises:
        QuantizationError: A pattern matches nothing, or two dtypes are requested for a weight.
    """
    specs = {spec.name: spec for spec in model_json.weights}
    if not request.per_channel and not request.block_weights:
        return _plain_forms(specs, assign_dtypes(specs.values(), request.quantize))
    others = {dtype: names for dtype, names in request.quantize.items() if dtype != "uint8"}
    forms = _plain_forms(specs, assign_dtypes(specs.values(), others))
    scales = _assign_scales(specs, request)
    channels = _find_channels(model_json)
    packed = assign_dtypes(specs.values(), {_FOUR_BITS: request.four_bits}, prefix="")
    named = {dtype: request.quantize.get(dtype, ()) for dtype in ("uint8", KEPT)}
    for name, dtype in assign_dtypes(specs.values(), named).items():
        if dtype == KEPT:
            continue
        if name not in scales:
            forms |= _plain_forms(specs, {name: "uint8"})
        elif form := _scaled_form(specs[name], channels.get(name), scales[name]):
            forms[name] = _pack(specs[name], form) if name in packed else form
    return forms


def _plain_forms(specs: Mapping[str, WeightSpec], dtypes: Mapping[str, str]) -> dict[str, Form]:
    """Return the forms of weights in one dtype, of those that take fewer bytes than the base."""
    sizes = ITEM_SIZES | QUANTIZED_ITEM_SIZES
    return {
        name: Form(dtype=_DTYPES[dtype])
        for name, dtype in dtypes.items()
        if specs[name].size > 0 and sizes[dtype] < sizes[specs[name].stored_dtype]
    }


def _assign_scales(specs: Mapping[str, WeightSpec], request: Request) -> dict[str, int | None]:
    """Return the size of blocks of each weight with scales; None for a scale per channel."""
    patterns = {_PER_CHANNEL: request.per_channel, _BLOCK: request.block_weights}
    assigned = assign_dtypes(specs.values(), patterns, prefix="")
    return {name: request.block if word == _BLOCK else None for name, word in assigned.items()}


def _scaled_form(spec: WeightSpec, channels: Axes | None, block: int | None) -> Form | None:
    """Return the form with scales that a weight may take; None without any, or without a gain."""
    if channels is None or spec.size == 0:
        return None
    if block is None:
        form = Form(dtype="uint8", channels=channels)
    else:
        form = block_form(spec.shape, channels, block)
    return form if _shrinks(spec, form) else None


def _pack(spec: WeightSpec, form: Form) -> Form:
    """Return a form with scales in 4 bits, where that is possible and smaller."""
    if find_pack_axis(scale_layout(spec.shape, form).split) is None:
        return form
    packed = replace(form, bits=4)
    return packed if measure_form(spec, packed) < measure_form(spec, form) else form


def _smaller_forms(spec: WeightSpec, channels: Axes | None, block: int) -> Iterator[Form]:
    yield AS_IN_BASE
    if spec.size == 0:
        return
    forms = [Form(dtype=dtype) for dtype in _DTYPES.values()]
    if channels:
        per_channel = Form(dtype="uint8", channels=channels)
        scaled = list(dict.fromkeys([per_channel, block_form(spec.shape, channels, block)]))
        forms += scaled
        packed = [_pack(spec, form) for form in scaled]
        forms += [form for form in packed if form not in scaled]
    yield from (form for form in forms if _shrinks(spec, form))


def _shrinks(spec: WeightSpec, form: Form) -> bool:
    return measure_form(spec, form) < measure_form(spec, AS_IN_BASE)


def _find_channels(model_json: ModelJson) -> dict[str, Axes]:
    """Return the axes of channels by weight; the axes with most channels where ops differ.

    A weight that the initializer reads too, or whose parts would bear the name of another node,
    has none.
    """
    if is_layers_model(model_json.content):
        return {}
    topology = parse_topology(model_json.content["modelTopology"])
    initializer = model_json.content.get("modelInitializer") or {"node": []}
    taken = parse_topology(initializer, where="modelInitializer").nodes.keys()
    specs = {spec.name: spec for spec in model_json.weights if spec.dtype == "float32"}
    found = find_channels(topology, {name: len(spec.shape) for name, spec in specs.items()})
    return {
        name: _most_channels(specs[name].shape, axes)
        for name, axes in found.items()
        if name not in taken and not part_names(name) & topology.nodes.keys()
    }


def _most_channels(shape: Sequence[int], axes: Sequence[Axes]) -> Axes:
    return max(axes, key=lambda each: math.prod(shape[axis] for axis in each))
