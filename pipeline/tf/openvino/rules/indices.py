"""Operations by indices: gathers, scatters, places of elements, bags of embeddings."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.tf.layout.value import is_float
from pipeline.tf.openvino.layer import Layer, Rule, Table
from pipeline.tf.openvino.rules.parts import vector, whole


def _gather(layer: Layer) -> str:
    """Gather: the first axes may be a batch that data and indices share."""
    axis = layer.axis(layer.numbers(2, "axis")[0])
    batch = int(layer.attribute("batch_dims", 0))
    rank = layer.rank(1)
    batch += rank if batch < 0 else 0
    if not batch:
        return layer.emit("Gather", layer.names[:2], axis=axis)
    # The axis comes behind the batch, and what lay between goes behind the new axes.
    rank_of_data, inner = layer.rank(0), list(range(batch, axis))
    order = [*range(batch), axis, *inner, *range(axis + 1, rank_of_data)]
    data = layer.transpose(layer.names[0], order)
    made = layer.emit(
        "GatherND", [data, layer.unsqueeze(whole(layer, 1), [rank])], batch_dims=batch
    )
    count = rank - batch
    between = range(batch + count, batch + count + len(inner))
    back = [*range(batch), *between, *range(batch, batch + count)]
    return layer.transpose(made, [*back, *range(len(back), rank_of_data - 1 + count)])


def _gather_elements(layer: Layer) -> str:
    return layer.emit("GatherElements", layer.names, axis=int(layer.attribute("axis")))


def _gather_slices(layer: Layer) -> str:
    """GatherND: before opset8 the axes of the batch are one in the result."""
    batch = int(layer.attribute("batch_dims", 0))
    made = layer.emit("GatherND", [layer.names[0], whole(layer, 1)], batch_dims=batch)
    if layer.opset == "opset5" and batch > 1:
        sizes = layer.outputs[0].sizes
        if sizes is None or sum(size is None for size in sizes) > 1:
            raise layer.refuse("it joins axes of open sizes")
        return layer.reshape(made, [-1 if size is None else size for size in sizes])
    return made


_REDUCTIONS = {
    "none": "none",
    "sum": "add",
    "sub": "add",
    "prod": "mul",
    "min": "min",
    "max": "max",
}


def _scatter_slices(layer: Layer) -> str:
    kind = str(layer.attribute("reduction", "none")).lower()
    updates = layer.names[2]
    if kind == "sub":
        updates = layer.emit("Neg", [updates])
    given = [layer.names[0], whole(layer, 1), updates]
    return layer.emit("ScatterND", given, reduction=_REDUCTIONS[kind])


def _scatter_elements(layer: Layer) -> str:
    """ScatterElementsUpdate: a reduction may leave out the element that was there, or be a mean."""
    axis = layer.numbers(3, "axis")[0]
    kind = str(layer.attribute("reduction", "none")).lower()
    starts = bool(layer.attribute("use_init_val", True))
    data, indices, updates = layer.names[0], whole(layer, 1), layer.names[2]
    if kind == "none":
        return layer.emit("ScatterElements", [data, indices, updates], axis=axis)
    if kind == "mean" and not is_float(layer.inputs[0].dtype):
        raise layer.refuse("it computes means of whole numbers")
    if not starts:
        neutral = layer.emit("Expand", [_neutral(layer, kind), layer.emit("Shape", [indices])])
        data = layer.emit("ScatterElements", [data, indices, neutral], axis=axis)
    op = "add" if kind == "mean" else _REDUCTIONS[kind]
    made = layer.emit("ScatterElements", [data, indices, updates], axis=axis, reduction=op)
    if kind != "mean":
        return made
    ones = layer.emit("Expand", [layer.number(1), layer.emit("Shape", [indices])])
    base = layer.emit("Expand", [layer.number(0), layer.emit("Shape", [layer.names[0]])])
    count = layer.emit("ScatterElements", [base, indices, ones], axis=axis, reduction="add")
    if starts:
        count = layer.emit("Add", [count, layer.number(1)])
    return layer.emit("Div", [made, layer.emit("Max", [count, layer.number(1)])])


def _neutral(layer: Layer, kind: str) -> str:
    """Return the number that a reduction does not notice."""
    dtype = layer.inputs[0].dtype
    if kind in ("sum", "mean"):
        return layer.number(0)
    if kind == "prod":
        return layer.number(1)
    limits = np.finfo(dtype) if is_float(dtype) else np.iinfo(dtype)
    return layer.constant(limits.max if kind == "min" else limits.min, dtype)


def _scatter(layer: Layer) -> str:
    """ScatterUpdate: slices along an axis, one for each index."""
    axis, rank = layer.axis(layer.numbers(3, "axis")[0]), layer.rank(0)
    count = layer.rank(1)
    first = [axis, *(each for each in range(rank) if each != axis)]
    data = layer.transpose(layer.names[0], first)
    # Updates have the axes of the indices where the data have the axis.
    own = range(axis, axis + count)
    others = [each for each in range(rank - 1 + count) if each not in own]
    updates = layer.transpose(layer.names[2], [*own, *others])
    indices = layer.unsqueeze(whole(layer, 1), [count])
    made = layer.emit("ScatterND", [data, indices, updates])
    return layer.transpose(made, [first.index(each) for each in range(rank)])


def _find_true(layer: Layer) -> str:
    made = layer.emit("NonZero", layer.names)
    wanted = layer.outputs[0].dtype
    return made if wanted == "int64" else layer.cast(made, wanted)


def _unique(layer: Layer) -> list[str]:
    attributes: dict[str, Any] = {"sorted": int(bool(layer.attribute("sorted", True)))}
    if layer.has(1):
        attributes["axis"] = layer.numbers(1, "axis")[0]
    made = layer.emit_many("Unique", layer.names[:1], 4, **attributes)
    wanted = [port.dtype for port in layer.outputs]
    return [
        name if number == 0 or dtype == "int64" else layer.cast(name, dtype)
        for number, (name, dtype) in enumerate(zip(made, wanted, strict=True))
    ]


def _bucketize(layer: Layer) -> str:
    """Bucketize: how many bounds lie below a number; with a right bound, below or at it."""
    includes = bool(layer.attribute("with_right_bound", True))
    return _count_below(layer, 0, 1, "Less" if includes else "LessOrEqual")


def _search(layer: Layer) -> str:
    """SearchSorted: where a number keeps a row sorted; on the right of equal ones, or the left."""
    is_right = bool(layer.attribute("right_mode", layer.attribute("right", False)))
    return _count_below(layer, 1, 0, "LessOrEqual" if is_right else "Less", has_rows=True)


def _count_below(
    layer: Layer, numbers: int, bounds: int, compare: str, *, has_rows: bool = False
) -> str:
    wide = layer.unsqueeze(layer.names[numbers], [layer.rank(numbers)])
    name = layer.names[bounds]
    if layer.inputs[bounds].dtype != layer.inputs[numbers].dtype:
        name = layer.cast(name, layer.inputs[numbers].dtype)
    rank = layer.rank(bounds)
    if has_rows and rank > 1:
        name = layer.unsqueeze(name, [rank - 1])
    hits = layer.cast(layer.emit(compare, [name, wide]), "int32")
    axes = layer.constant([-1], "int64")
    total = layer.emit("ReduceSum", [hits, axes], keepdims=0)
    return layer.cast(total, layer.outputs[0].dtype)


def _reverse_sequences(layer: Layer) -> str:
    batch, steps = (layer.axis(int(layer.attribute(name))) for name in ("batch_axis", "seq_axis"))
    rank = layer.rank()
    order = [batch, steps, *(axis for axis in range(rank) if axis not in (batch, steps))]
    name = layer.transpose(layer.names[0], order)
    given = [name, whole(layer, 1)]
    made = layer.emit("ReverseSequence", given, batch_axis=0, time_axis=1)
    return layer.transpose(made, [order.index(axis) for axis in range(rank)])


def _bag_packed(reduce: str) -> Rule:
    """Return the rule of bags of equal length: (bags, length) indices into a table's rows."""

    def rule(layer: Layer) -> str:
        rows = layer.emit("Gather", [layer.names[0], whole(layer, 1)], axis=0)
        if layer.has(2):
            rows = layer.emit("Mul", [rows, _widen(layer, layer.names[2], 2)])
        kind = reduce or _bag_kind(layer)
        return layer.emit(kind, [rows, layer.constant([1], "int64")], keepdims=0)

    return rule


def _bag_kind(layer: Layer) -> str:
    kind = str(layer.attribute("reduction", "sum")).lower()
    return "ReduceMean" if kind == "mean" else "ReduceSum"


def _widen(layer: Layer, name: str, rank: int) -> str:
    """Return weights with an axis of size 1 for each axis of a row."""
    return layer.unsqueeze(name, range(rank, rank + layer.rank(0) - 1))


def _bag_segments(layer: Layer) -> str:
    """EmbeddingSegmentsSum: table, indices, segments, their number, default, weights."""
    given = _Bags(ids=vector(layer, 2), count=_one(layer, 3), default=4, weights=5)
    return _sum_bags(layer, given, "sum")


def _bag_offsets(reduce: str) -> Rule:
    """Return the rule of bags that begin at offsets: table, indices, offsets, default, weights."""

    def rule(layer: Layer) -> str:
        count = layer.size(layer.names[1], 0)
        zero, one = (layer.constant(n, "int64") for n in (0, 1))
        places = layer.emit("Range", [zero, layer.squeeze(count, [0]), one])
        begun = layer.emit(
            "LessOrEqual", [layer.unsqueeze(vector(layer, 2), [0]), layer.unsqueeze(places, [1])]
        )
        number = layer.emit(
            "ReduceSum", [layer.cast(begun, "int64"), layer.constant([1], "int64")], keepdims=0
        )
        ids = layer.emit("Sub", [number, one])
        bags = layer.size(layer.names[2], 0)
        kind = reduce or str(layer.attribute("reduction", "sum")).lower()
        return _sum_bags(layer, _Bags(ids=ids, count=bags, default=3, weights=4), kind)

    return rule


class _Bags:
    """Which bag each index is in; `count` is a vector of one number; inputs by their numbers."""

    def __init__(self, *, ids: str, count: str, default: int, weights: int) -> None:
        self.ids, self.count, self.default, self.weights = ids, count, default, weights


def _one(layer: Layer, index: int) -> str:
    return vector(layer, index)


def _sum_bags(layer: Layer, bags: _Bags, kind: str) -> str:
    """Sum the rows of each bag, as a product with the matrix that says which row is in which."""
    if layer.rank(0) != 2:  # noqa: PLR2004  # (rows, numbers)
        raise layer.refuse("the rows of its table have several axes")
    rows = layer.emit("Gather", [layer.names[0], vector(layer, 1)], axis=0)
    if layer.has(bags.weights):
        rows = layer.emit("Mul", [rows, layer.unsqueeze(layer.names[bags.weights], [1])])
    values = layer.constant([0, 1], layer.inputs[0].dtype)
    members = layer.emit("OneHot", [bags.ids, bags.count, values], axis=0)
    made = layer.emit("MatMul", [members, rows])
    number = layer.emit("ReduceSum", [members, layer.constant([1], "int64")], keepdims=1)
    if kind == "mean":
        made = layer.emit("Div", [made, layer.emit("Max", [number, layer.number(1)])])
    default = layer.known(bags.default)
    if layer.has(bags.default) and (default is None or int(np.ravel(default)[0]) >= 0):
        row = layer.emit("Gather", [layer.names[0], vector(layer, bags.default)], axis=0)
        is_empty = layer.emit("Equal", [number, layer.number(0)])
        made = layer.emit("Where", [is_empty, row, made])
    return made


def _largest_segments(layer: Layer) -> str:
    """SegmentMax: the largest element of each run of equal, sorted segment numbers."""
    count = vector(layer, 2) if layer.has(2) else None
    if count is None:
        last = layer.emit("ReduceMax", [vector(layer, 1), layer.constant([0], "int64")], keepdims=1)
        count = layer.emit("Add", [last, layer.constant([1], "int64")])
    dtype = layer.inputs[0].dtype
    least = np.finfo(dtype).min if is_float(dtype) else np.iinfo(dtype).min
    fill = layer.constant(least, dtype)
    rest = layer.emit("Shape", [layer.names[0]], start=1)
    base = layer.emit("Expand", [fill, layer.emit("Concat", [count, rest], axis=0)])
    indices = layer.unsqueeze(vector(layer, 1), [1])
    made = layer.emit("ScatterND", [base, indices, layer.names[0]], reduction="max")
    if str(layer.attribute("fill_mode", "zero")).lower() != "zero":
        return made
    return layer.emit("Where", [layer.emit("Equal", [made, fill]), layer.number(0), made])


def _scatter_range(layer: Layer) -> str:
    """SliceScatter: write updates over a slice: data, updates, start, stop, step, axes."""
    axes = layer.numbers(5, "axes") if layer.has(5) else list(range(layer.sizes(2)[0] or 0))
    axes = [layer.axis(axis) for axis in axes]
    starts, stops, steps = (layer.numbers(n, "slice") for n in (2, 3, 4))
    sizes = layer.sizes()
    name, rank = layer.names[1], layer.rank()
    if any(sizes[axis] is None for axis in axes):
        raise layer.refuse("it writes along axes of open sizes")
    places: list[Sequence[int]] = []
    for start, stop, step, axis in zip(starts, stops, steps, axes, strict=True):
        places.append(range(int(sizes[axis] or 0))[slice(start, stop, step)])
    if len(axes) != 1:
        raise layer.refuse("it writes over slices of several axes")
    order = [axes[0], *(axis for axis in range(rank) if axis != axes[0])]
    data = layer.transpose(layer.names[0], order)
    updates = layer.transpose(name, order)
    indices = layer.constant(np.array(list(places[0]))[:, None], "int64")
    made = layer.emit("ScatterND", [data, indices, updates])
    return layer.transpose(made, [order.index(axis) for axis in range(rank)])


RULES: Table = {
    "Bucketize": _bucketize,
    "EmbeddingBagOffsets": _bag_offsets(""),
    "EmbeddingBagOffsetsSum": _bag_offsets("sum"),
    "EmbeddingBagPacked": _bag_packed(""),
    "EmbeddingBagPackedSum": _bag_packed("ReduceSum"),
    "EmbeddingSegmentsSum": _bag_segments,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_slices,
    "NonZero": _find_true,
    "ReverseSequence": _reverse_sequences,
    "ScatterElementsUpdate": _scatter_elements,
    "ScatterNDUpdate": _scatter_slices,
    "ScatterUpdate": _scatter,
    "SearchSorted": _search,
    "SegmentMax": _largest_segments,
    "SliceScatter": _scatter_range,
    "Unique": _unique,
}
