"""Shapes of layout: reshaping, joining, cutting, gathering, and making tensors of given sizes.

Rules as TensorFlow's own shape functions have them (tensorflow/core/ops/array_ops.cc); where
they need what is not known, the answer is unknown. It opens no file.
"""

from collections.abc import Callable, Sequence

from pipeline.inspection.facts import UNKNOWN, Call, Fact, count_axis, count_elements
from pipeline.tfjs.model.inference import Shape

Rule = Callable[[Call], Sequence[Fact]]


def _shape_of(call: Call) -> Sequence[Fact]:
    return [
        Fact(shape=None if fact.ndim is None else (fact.ndim,), values=fact.shape)
        for fact in call.inputs
    ]


def _size_of(call: Call) -> Sequence[Fact]:
    return [Fact(shape=(), values=(call.fact(0).size,))]


def _rank_of(call: Call) -> Sequence[Fact]:
    return [Fact(shape=(), values=(call.fact(0).ndim,))]


def _reshape(call: Call) -> Sequence[Fact]:
    target = call.fact(1)
    if target.values is None:
        # The number of sizes that it gets is that of its axes.
        count = target.shape[0] if target.shape else None
        return [UNKNOWN if count is None else Fact(shape=(None,) * count)]
    return [Fact(shape=fill_rest(target.values, call.fact(0).size))]


def fill_rest(sizes: Sequence[int | None], count: int | None) -> Shape:
    """Return the sizes of a reshaped tensor: -1 is what is left of `count` elements."""
    shape = tuple(None if size == -1 else size for size in sizes)
    if shape.count(None) != 1 or count is None:
        return shape
    others = count_elements(tuple(size for size in shape if size is not None))
    if not others or count % others:
        return shape
    return tuple(count // others if size is None else size for size in shape)


def _expand(call: Call) -> Sequence[Fact]:
    shape = call.fact(0).shape
    axis = None if shape is None else call.axis(1, len(shape) + 1)
    if shape is None or axis is None:
        return [UNKNOWN if shape is None else Fact(shape=(None,) * (len(shape) + 1))]
    return [Fact(shape=(*shape[:axis], 1, *shape[axis:]))]


def _squeeze(call: Call) -> Sequence[Fact]:
    shape = call.fact(0).shape
    if shape is None:
        return [UNKNOWN]
    axes = call.integers("squeeze_dims") or call.integers("axis")
    dropped = {count_axis(axis, len(shape)) for axis in axes}
    if not axes:
        if None in shape:
            return [UNKNOWN]
        dropped = {axis for axis, size in enumerate(shape) if size == 1}
    return [Fact(shape=tuple(size for axis, size in enumerate(shape) if axis not in dropped))]


def _transpose(call: Call) -> Sequence[Fact]:
    shape, order = call.fact(0).shape, call.fact(1).known_values
    if shape is None:
        return [UNKNOWN]
    if order is None or sorted(order) != list(range(len(shape))):
        return [Fact(shape=(None,) * len(shape))]
    return [Fact(shape=tuple(shape[axis] for axis in order))]


def _pack(call: Call) -> Sequence[Fact]:
    shapes = [fact.shape for fact in call.inputs if fact.shape is not None]
    if not shapes:
        return [UNKNOWN]
    shape = max(shapes, key=lambda sizes: sum(size is not None for size in sizes))
    axis = count_axis(call.integer("axis"), len(shape) + 1)
    if axis is None or any(len(other) != len(shape) for other in shapes):
        return [UNKNOWN]
    return [Fact(shape=(*shape[:axis], len(call.inputs), *shape[axis:]))]


def _unpack(call: Call) -> Sequence[Fact]:
    shape = call.fact(0).shape
    axis = count_axis(call.integer("axis"), call.fact(0).ndim)
    if shape is None or axis is None:
        return [UNKNOWN]
    count = call.integer("num")
    values = call.fact(0).values
    if len(shape) == 1 and values is not None and len(values) == count:
        return [Fact(shape=(), values=(value,)) for value in values]
    return [Fact(shape=shape[:axis] + shape[axis + 1 :])] * count


def _concat(call: Call) -> Sequence[Fact]:
    parts = call.inputs[1:] if call.node.op == "Concat" else call.inputs[:-1]
    shapes = [fact.shape for fact in parts]
    known = [shape for shape in shapes if shape is not None]
    if not known or any(len(shape) != len(known[0]) for shape in known):
        return [UNKNOWN]
    axis = call.axis(0 if call.node.op == "Concat" else -1, len(known[0]))
    if axis is None:
        return [Fact(shape=(None,) * len(known[0]))]
    sizes = [
        next((shape[i] for shape in known if shape[i] is not None), None)
        for i in range(len(known[0]))
    ]
    joined = [None if shape is None else shape[axis] for shape in shapes]
    sizes[axis] = None if None in joined else sum(size or 0 for size in joined)
    return [Fact(shape=tuple(sizes))]


def _split(call: Call) -> Sequence[Fact]:
    shape = call.fact(1).shape
    axis, count = call.axis(0, call.fact(1).ndim), call.integer("num_split")
    if shape is None or axis is None or count < 1:
        return [UNKNOWN] * max(count, 1)
    size = shape[axis]
    part = None if size is None else size // count
    return [Fact(shape=(*shape[:axis], part, *shape[axis + 1 :]))] * count


def _split_unequal(call: Call) -> Sequence[Fact]:
    shape, sizes = call.fact(0).shape, call.fact(1).values
    axis = call.axis(2, call.fact(0).ndim)
    if shape is None or axis is None or sizes is None:
        return [UNKNOWN]
    parts: Shape = tuple(None if size == -1 else size for size in sizes)
    assert parts is not None
    whole = shape[axis]
    if parts.count(None) == 1 and whole is not None:
        rest = whole - sum(part for part in parts if part is not None)
        parts = tuple(rest if part is None else part for part in parts)
    return [Fact(shape=(*shape[:axis], part, *shape[axis + 1 :])) for part in parts]


def _slice(call: Call) -> Sequence[Fact]:
    shape = call.fact(0).shape
    begins, sizes = call.fact(1).values, call.fact(2).values
    if sizes is None:
        return [UNKNOWN if shape is None else Fact(shape=(None,) * len(shape))]
    if shape is None or len(shape) != len(sizes):
        return [Fact(shape=tuple(None if size == -1 else size for size in sizes))]
    begins = begins if begins is not None and len(begins) == len(sizes) else (None,) * len(sizes)
    cut = (
        size if size != -1 else None if whole is None or begin is None else whole - begin
        for whole, begin, size in zip(shape, begins, sizes, strict=True)
    )
    return [Fact(shape=tuple(cut))]


def _gather(call: Call) -> Sequence[Fact]:
    shape, indices = call.fact(0).shape, call.fact(1).shape
    axis = 0 if call.node.op == "Gather" else call.axis(2, call.fact(0).ndim)
    batch = call.integer("batch_dims")
    if shape is None or indices is None or axis is None or batch < 0 or not shape:
        return [UNKNOWN]
    return [Fact(shape=(*shape[:axis], *indices[batch:], *shape[axis + 1 :]))]


def _gather_nd(call: Call) -> Sequence[Fact]:
    shape, indices = call.fact(0).shape, call.fact(1).shape
    if shape is None or not indices or indices[-1] is None:
        return [UNKNOWN]
    return [Fact(shape=(*indices[:-1], *shape[indices[-1] :]))]


def _tile(call: Call) -> Sequence[Fact]:
    shape, times = call.fact(0).shape, call.fact(1).values
    if shape is None or times is None or len(times) != len(shape):
        return [UNKNOWN if shape is None else Fact(shape=(None,) * len(shape))]
    pairs = zip(shape, times, strict=True)
    return [Fact(shape=tuple(None if a is None or b is None else a * b for a, b in pairs))]


def _pad(call: Call) -> Sequence[Fact]:
    shape, edges = call.fact(0).shape, call.fact(1).values
    if shape is None or edges is None or len(edges) != 2 * len(shape):
        return [UNKNOWN if shape is None else Fact(shape=(None,) * len(shape))]
    ends = zip(shape, edges[::2], edges[1::2], strict=True)
    padded = (None if None in end else sum(size or 0 for size in end) for end in ends)
    return [Fact(shape=tuple(padded))]


def _of_size(index: int) -> Rule:
    """Return a rule for ops whose result has the sizes that an input holds."""

    def rule(call: Call) -> Sequence[Fact]:
        sizes = call.fact(index)
        if sizes.values is not None:
            return [Fact(shape=sizes.values)]
        count = sizes.shape[0] if sizes.shape else None
        return [UNKNOWN if count is None else Fact(shape=(None,) * count)]

    return rule


def _range(call: Call) -> Sequence[Fact]:
    start, limit, delta = (call.fact(i).scalar for i in range(3))
    if start is None or limit is None or not delta:
        return [Fact(shape=(None,))]
    return [Fact(shape=(max(0, -(-(limit - start) // delta)),))]


def _one_hot(call: Call) -> Sequence[Fact]:
    shape, depth = call.fact(0).shape, call.fact(1).scalar
    if shape is None:
        return [UNKNOWN]
    axis = count_axis(call.integer("axis", -1), len(shape) + 1)
    return [UNKNOWN if axis is None else Fact(shape=(*shape[:axis], depth, *shape[axis:]))]


def _top(call: Call) -> Sequence[Fact]:
    shape = call.fact(0).shape
    if not shape:
        return [UNKNOWN, UNKNOWN]
    return [Fact(shape=(*shape[:-1], call.fact(1).scalar))] * 2


def _where(call: Call) -> Sequence[Fact]:
    return [Fact(shape=(None, call.fact(0).ndim))]


def _selected_boxes(call: Call) -> Sequence[Fact]:
    """Non-maximum suppression: how many are left is known when it has run, unless padded."""
    count = call.fact(2).scalar if call.flag("pad_to_max_output_size") else None
    boxes = Fact(shape=(count,))
    if call.node.op == "NonMaxSuppressionV5":
        return [boxes, boxes, Fact(shape=())]
    return [boxes, Fact(shape=())]


LAYOUT_RULES: dict[str, Rule] = {
    "Shape": _shape_of,
    "ShapeN": _shape_of,
    "Size": _size_of,
    "Rank": _rank_of,
    "Reshape": _reshape,
    "ExpandDims": _expand,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Pack": _pack,
    "Unpack": _unpack,
    "Concat": _concat,
    "ConcatV2": _concat,
    "Split": _split,
    "SplitV": _split_unequal,
    "Slice": _slice,
    "Gather": _gather,
    "GatherV2": _gather,
    "GatherNd": _gather_nd,
    "Tile": _tile,
    **dict.fromkeys(("Pad", "PadV2", "MirrorPad"), _pad),
    "BroadcastTo": _of_size(1),
    **dict.fromkeys(
        ("Fill", "RandomUniform", "RandomStandardNormal", "TruncatedNormal"), _of_size(0)
    ),
    "SparseToDense": _of_size(1),
    "ScatterNd": _of_size(2),
    "Range": _range,
    "OneHot": _one_hot,
    "TopKV2": _top,
    "Where": _where,
    **dict.fromkeys(
        (
            "NonMaxSuppressionV2",
            "NonMaxSuppressionV3",
            "NonMaxSuppressionV4",
            "NonMaxSuppressionV5",
        ),
        _selected_boxes,
    ),
}
