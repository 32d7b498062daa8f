"""Fits the rounding of a graph's weights to made inputs, and writes the whole numbers.

The base's graph runs in TensorFlow on inputs that are made as test vectors are, but others: other
crops, recordings or numbers, so that the vectors that judge a variant have no part in making it.
It runs in a child process.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.proof.fit_rounding import Calibration
from pipeline.proof.inputs.made_inputs import make_inputs
from pipeline.proof.vector_files import Tensors, load_vectors
from pipeline.records.contract import Contracts
from pipeline.records.signature import Signature
from pipeline.tf.tfjs_graph.graph_reference import name_tensor, open_graph
from pipeline.tf.tfjs_graph.node_values import read_tensors
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.topology import Node, parse_topology
from pipeline.tfjs.model.weights import Array, walk_weights
from pipeline.tfjs.quantize.channels import attr_text, find_axes, read_by
from pipeline.tfjs.quantize.fitted_rounding import encode_fitted, find_spread
from pipeline.tfjs.quantize.forms import EncodedWeight, Form, find_form_fault

NUM_INPUTS = 8
"""Runs of the graph that rounding is fitted to."""

# Rows of one run that a product sums, about, and most values that an op may sum.
_ROWS = 2048
_SUMMED = 6144
# Most weights whose sums of products are in memory at a time, and most bytes of these.
_CUT = 16
_CUT_BYTES = 512 * 1024**2
_CONVOLUTIONS = frozenset({"Conv2D", "_FusedConv2D"})
_DEPTHWISE = frozenset({"DepthwiseConv2dNative", "FusedDepthwiseConv2dNative"})
_PRODUCTS = frozenset({"MatMul", "_FusedMatMul"})
_SUMMING = _CONVOLUTIONS | _DEPTHWISE | _PRODUCTS


@dataclass(frozen=True, kw_only=True)
class _Summing:
    """A node that sums the products of its input and a weight.

    Attributes:
        node: The node.
        tensor: Its input.
        shape: Shape of the weight.
        summed: Number of the products that it sums for a value.
    """

    node: Node
    tensor: str
    shape: tuple[int, ...]
    summed: int

    @property
    def groups(self) -> tuple[int, ...]:
        """Axes of the weight each of whose indices has inputs of its own."""
        return (2,) if self.node.op in _DEPTHWISE else ()

    @property
    def num_bytes(self) -> int:
        """Bytes of what `product` returns."""
        groups = math.prod(self.shape[axis] for axis in self.groups)
        return 8 * groups * self.summed**2

    def product(self, values: Array) -> Array:
        """Return X'X of the rows that are summed, float64 of (groups, summed, summed)."""
        if self.node.op in _PRODUCTS:
            turned = self.node.attrs.get("transpose_a", {}).get("b", False)
            rows = (values.T if turned else values)[None]
        else:
            patches = self._patches(values)
            patches = patches.reshape(-1, patches.shape[-1])
            if self.groups:
                split = patches.reshape(len(patches), -1, self.shape[2])
                rows = split.transpose(2, 0, 1)
            else:
                rows = patches[None]
        rows = np.ascontiguousarray(rows[:, :: -(-rows.shape[1] // _ROWS) or 1], np.float32)
        made = (rows.transpose(0, 2, 1) @ rows).astype(np.float64)
        total = np.trace(made, axis1=1, axis2=2).sum()
        found: Array = made / total if total > 0 else made
        return found

    def _patches(self, values: Array) -> Array:
        """Return the part of an image below places of a filter: (batch, y, x, summed).

        The places of a large image are on a coarser grid.
        """
        attrs = self.node.attrs
        is_first = attr_text(attrs.get("data_format"))[1:2] == "C"
        order = (0, 2, 3, 1) if is_first else (0, 1, 2, 3)
        strides, dilations = (
            [numbers[axis] for axis in order]
            for numbers in (_numbers(attrs, "strides"), _numbers(attrs, "dilations"))
        )
        padding = attr_text(attrs.get("padding"))
        image = values.transpose(order)
        if padding == "EXPLICIT":
            pairs = np.reshape(_numbers(attrs, "explicit_paddings", 8), (4, 2))
            image, padding = np.pad(image, pairs[list(order)]), "VALID"
        places = image.shape[0] * image.shape[1] * image.shape[2] / (strides[1] * strides[2])
        coarser = max(1, math.isqrt(int(places / _ROWS)))
        strides = [1, strides[1] * coarser, strides[2] * coarser, 1]
        sizes = [1, *self.shape[:2], 1]
        patches = tf.image.extract_patches(image, sizes, strides, dilations, padding)
        found: Array = patches.numpy()
        return found


def _numbers(attrs: Mapping[str, Any], name: str, length: int = 4) -> list[int]:
    listed = attrs.get(name, {}).get("list", {}).get("i")
    return [int(one) for one in listed] if listed else [1 if length == 4 else 0] * length  # noqa: PLR2004


def fit_rounding(  # noqa: PLR0913  # a graph, and how its inputs are made
    *,
    base: Path,
    signature: Signature,
    reference: Path,
    forms: Mapping[str, Form],
    calibration: Calibration,
    folder: Path,
    file: str,
    trust: bool,
) -> dict[str, int]:
    """Write the numbers of each weight whose rounding can be fitted, one after the other.

    Args:
        base: Folder of its model.json, a graph model.
        signature: Its signature.
        reference: Folder of the step `reference`: sizes and contracts of the inputs.
        forms: Forms with channels, by weight.
        calibration: How the inputs are made.
        folder: Folder to write to.
        file: Name of the file there, which gets a byte for each number.
        trust: Whether the graph may touch the machine.

    Returns:
        Number of bytes by weight, in the order of the file.

    Raises:
        ConversionError: TensorFlow cannot run the graph on made inputs.
        UntrustedSourceError: The graph might touch the machine, and is not trusted.
    """
    session = open_graph(base, trust=trust)
    feeds = list(make_feeds(signature, reference, calibration))
    listed = {name: [form] for name, form in forms.items()}
    sizes: dict[str, int] = {}
    with (folder / file).open("wb") as stream:
        for name, encoded in walk_fitted(session, base, feeds, listed):
            for one in encoded.values():
                stream.write(one.stored.tobytes())
                sizes[name] = one.stored.size
    return sizes


def walk_fitted(
    session: tf.compat.v1.Session,
    base: Path,
    feeds: Sequence[Mapping[str, Array]],
    forms: Mapping[str, Sequence[Form]],
    tick: Callable[[], None] = lambda: None,
) -> Iterator[tuple[str, Mapping[Form, EncodedWeight]]]:
    """Yield the weights whose rounding can be fitted, in those of some forms that hold them.

    Args:
        session: A session of the base's graph.
        base: Folder of its model.json.
        feeds: The inputs of each run, by tensor.
        forms: Forms by weight; those with the same channels, one at least, are fitted.
        tick: Called before each run and each weight; what it raises ends the walk.

    Raises:
        ConversionError: TensorFlow cannot run the graph.
    """
    model_json = load_model_json(base / "model.json")
    nodes = parse_topology(model_json.content["modelTopology"]).nodes
    shapes = {spec.name: spec.shape for spec in model_json.weights}
    scaled = {name: [one for one in listed if one.is_scaled] for name, listed in forms.items()}
    summing = {
        name: _find_summing(name, shapes[name], listed[0], nodes)
        for name, listed in scaled.items()
        if listed
    }
    names = [spec.name for spec in model_json.weights if summing.get(spec.name)]
    for cut in _cut({name: summing[name] for name in names}):
        products = _sum_products(session, feeds, cut, tick)
        for weight in walk_weights(model_json, base):
            name = weight.spec.name
            if name not in products:
                continue
            tick()
            values = weight.read()
            able = [form for form in scaled[name] if find_form_fault(values, form) is None]
            if able:
                spread, groups = find_spread(products.pop(name)), cut[name][0].groups
                yield (
                    name,
                    {form: encode_fitted(values, form, spread, groups=groups) for form in able},
                )


def _cut(
    summing: Mapping[str, Sequence[_Summing]],
) -> Iterator[dict[str, Sequence[_Summing]]]:
    """Yield the weights in parts that fit into memory."""
    part: dict[str, Sequence[_Summing]] = {}
    size = 0
    for name, found in summing.items():
        if part and (len(part) == _CUT or size + found[0].num_bytes > _CUT_BYTES):
            yield part
            part, size = {}, 0
        part[name] = found
        size += found[0].num_bytes
    if part:
        yield part


def _find_summing(
    name: str, shape: tuple[int, ...], form: Form, nodes: Mapping[str, Node]
) -> list[_Summing]:
    """Return the nodes that read a weight; empty if the inputs of one cannot be told."""
    found = []
    count = math.prod(size for axis, size in enumerate(shape) if axis not in form.channels)
    if count > _SUMMED:
        return []
    for node, place in read_by(nodes.values()).get(name, ()):
        known = _CONVOLUTIONS | _DEPTHWISE | _PRODUCTS
        if (
            node.op not in known
            or place != 1
            or find_axes(node, place, len(shape)) != form.channels
        ):
            return []
        tensor = name_tensor(node.data_inputs[0])
        found.append(_Summing(node=node, tensor=tensor, shape=shape, summed=count))
    return found


def make_feeds(
    signature: Signature, reference: Path, calibration: Calibration
) -> Iterator[dict[str, Array]]:
    """Yield inputs by tensor, of the sizes of the test vectors."""
    contracts = Contracts.load(reference).inputs
    given = load_vectors(reference).vectors[0].inputs
    specs = [
        one.model_copy(update={"shape": given[one.name].shape})
        for one in signature.inputs
        if one.name in given
    ]
    tensors = {one.name: name_tensor(one.tensor) for one in signature.inputs}
    for index in range(NUM_INPUTS):
        made: Tensors = make_inputs(
            specs,
            seed=calibration.seed,
            index=index,
            task=calibration.task,
            contracts=contracts,
        )
        yield {tensors[name]: values for name, values in made.items()}


def _sum_products(
    session: tf.compat.v1.Session,
    feeds: Sequence[Mapping[str, Array]],
    wanted: Mapping[str, Sequence[_Summing]],
    tick: Callable[[], None],
) -> dict[str, Array]:
    """Return the sum of the products of all runs, by weight; each run and node counts the same.

    A run in which an op gets infinite values or NaN does not count for its weight.
    """
    tensors = list(dict.fromkeys(one.tensor for found in wanted.values() for one in found))
    products: dict[str, Array] = {}
    for feed in feeds:
        tick()
        values = read_tensors(session, feed, tensors)
        for name, found in wanted.items():
            for one in found:
                made = one.product(values[one.tensor])
                if not np.isfinite(made).all():
                    continue
                products[name] = products[name] + made if name in products else made
    return products
