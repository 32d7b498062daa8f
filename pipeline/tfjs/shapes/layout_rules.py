"""Shapes of layout: reshaping, joining, cutting, gathering, and making tensors of given sizes.

The rules follow TensorFlow's own shape functions (tensorflow/core/ops/array_ops.cc). If a rule
needs a fact that is not known, it raises NotKnownError. It opens no file.
"""

from collections.abc import Callable, Sequence

from pipeline.records.shape import Shape
from pipeline.tfjs.shapes.facts import (
    Call,
    NotKnownError,
    Sizes,
    combine,
    count_axis,
    count_elements,
)

# A rule returns the shape of the only output, or a list with the shape of each output.
Rule = Callable[[Call], Shape | list[Shape]]

# A file may state any number; no graph splits a tensor into so many.
_MAX_OUTPUTS = 10_000


def _reshape(call: Call) -> Shape:
    return fill_rest(_target(call, 1), call.fact(0).size)


def _target(call: Call, index: int) -> Sizes:
    """Return the sizes that an input holds; their number is the number of axes."""
    return call.values(index, ndim=call.fact(index).length)


def fill_rest(sizes: Sequence[int | None], count: int | None) -> Sizes:
    """Return the sizes of a reshaped tensor: -1 is the rest of `count` elements."""
    shape = tuple(None if size == -1 else size for size in sizes)
    others = count_elements(tuple(size for size in shape if size is not None))
    if shape.count(None) != 1 or count is None or not others or count % others:
        return shape
    return tuple(count // others if size is None else size for size in shape)


def _expand(call: Call) -> Shape:
    shape = call.sizes(0)
    axis = call.axis(1, len(shape) + 1, left=len(shape) + 1)
    return (*shape[:axis], 1, *shape[axis:])


def _squeeze(call: Call) -> Shape:
    shape = call.sizes(0)
    axes = call.integers("squeeze_dims") or call.integers("axis")
    if not axes and None in shape:
        raise NotKnownError
    if not axes:
        return tuple(size for size in shape if size != 1)
    dropped = {count_axis(axis, len(shape)) for axis in axes}
    return tuple(size for axis, size in enumerate(shape) if axis not in dropped)


def _transpose(call: Call) -> Shape:
    shape = call.sizes(0)
    order = call.numbers(1, ndim=len(shape))
    if sorted(order) != list(range(len(shape))):
        raise NotKnownError(len(shape))
    return tuple(shape[axis] for axis in order)


def _pack(call: Call) -> Shape:
    shapes = [fact.shape for fact in call.inputs if fact.shape is not None]
    if len({len(shape) for shape in shapes}) != 1:
        raise NotKnownError
    shape = min(shapes, key=lambda sizes: sizes.count(None))
    axis = count_axis(call.integer("axis"), len(shape) + 1)
    return (*shape[:axis], len(call.inputs), *shape[axis:])


def _unpack(call: Call) -> list[Shape]:
    shape = call.sizes(0)
    axis = count_axis(call.integer("axis"), len(shape))
    return [shape[:axis] + shape[axis + 1 :]] * _count_outputs(call, "num")


def _count_outputs(call: Call, name: str) -> int:
    count = call.integer(name)
    if not 0 < count <= _MAX_OUTPUTS:
        raise NotKnownError
    return count


def _concat(call: Call) -> Shape:
    axis_first = call.node.op == "Concat"
    shapes = [fact.shape for fact in (call.inputs[1:] if axis_first else call.inputs[:-1])]
    known = [shape for shape in shapes if shape is not None]
    if len({len(shape) for shape in known}) != 1:
        raise NotKnownError
    ndim = len(known[0])
    axis = call.axis(0 if axis_first else -1, ndim, left=ndim)
    columns = zip(*known, strict=True)
    sizes = [next((size for size in column if size is not None), None) for column in columns]
    joined = (None if shape is None else shape[axis] for shape in shapes)
    sizes[axis] = combine(lambda *parts: sum(parts), *joined)
    return tuple(sizes)


def _split(call: Call) -> list[Shape]:
    shape = call.sizes(1)
    axis = call.axis(0, len(shape))
    count = _count_outputs(call, "num_split")
    part = combine(lambda size: size // count, shape[axis])
    return [(*shape[:axis], part, *shape[axis + 1 :])] * count


def _split_unequal(call: Call) -> list[Shape]:
    shape = call.sizes(0)
    axis = call.axis(2, len(shape))
    parts = [None if size == -1 else size for size in call.values(1)]
    if parts.count(None) == 1:
        known = sum(part for part in parts if part is not None)
        rest = combine(lambda whole: whole - known, shape[axis])
        parts = [rest if part is None else part for part in parts]
    return [(*shape[:axis], part, *shape[axis + 1 :]) for part in parts]


def _slice(call: Call) -> Shape:
    shape, begins = call.fact(0).shape, call.fact(1).values
    sizes = call.values(2, ndim=call.fact(0).ndim)
    shape = shape if shape is not None and len(shape) == len(sizes) else (None,) * len(sizes)
    begins = begins if begins is not None and len(begins) == len(sizes) else (None,) * len(sizes)
    return tuple(
        combine(lambda whole, begin: whole - begin, whole, begin) if size == -1 else size
        for whole, begin, size in zip(shape, begins, sizes, strict=True)
    )


def _gather(call: Call) -> Shape:
    shape, indices = call.sizes(0), call.sizes(1)
    axis = 0 if call.node.op == "Gather" else call.axis(2, len(shape))
    batch = call.integer("batch_dims")
    if batch < 0 or not shape:
        raise NotKnownError
    return (*shape[:axis], *indices[batch:], *shape[axis + 1 :])


def _gather_nd(call: Call) -> Shape:
    shape, indices = call.sizes(0), call.sizes(1)
    if not indices or indices[-1] is None:
        raise NotKnownError
    return (*indices[:-1], *shape[indices[-1] :])


def _tile(call: Call) -> Shape:
    shape = call.sizes(0)
    times = call.values(1, ndim=len(shape))
    if len(times) != len(shape):
        raise NotKnownError(len(shape))
    return tuple(combine(lambda a, b: a * b, *pair) for pair in zip(shape, times, strict=True))


def _pad(call: Call) -> Shape:
    shape = call.sizes(0)
    edges = call.values(1, ndim=len(shape))
    if len(edges) != 2 * len(shape):
        raise NotKnownError(len(shape))
    ends = zip(shape, edges[::2], edges[1::2], strict=True)
    return tuple(combine(lambda *sizes: sum(sizes), *end) for end in ends)


def _one_hot(call: Call) -> Shape:
    shape = call.sizes(0)
    axis = count_axis(call.integer("axis", -1), len(shape) + 1)
    return (*shape[:axis], call.fact(1).scalar, *shape[axis:])


def _top(call: Call) -> list[Shape]:
    return [(*call.sizes(0)[:-1], call.fact(1).scalar)] * 2


def count_range(call: Call) -> tuple[int, int, int]:
    """Return the first value of a Range, the step, and the number of values."""
    start, limit, delta = (call.fact(i).scalar for i in range(3))
    if start is None or limit is None or not delta:
        raise NotKnownError(1)
    return start, delta, max(0, -(-(limit - start) // delta))


def _selected_boxes(call: Call) -> list[Shape]:
    """Non-maximum suppression: the number of boxes is known only when it has run, or padded."""
    boxes = (call.fact(2).scalar if call.flag("pad_to_max_output_size") else None,)
    return [boxes, boxes, ()] if call.node.op == "NonMaxSuppressionV5" else [boxes, ()]


def _merge(call: Call) -> list[Shape]:
    """Return the sizes that both branches of a condition, or all rounds of a loop, have."""
    shapes = [call.sizes(i) for i in range(len(call.inputs))]
    if len({len(shape) for shape in shapes}) != 1:
        raise NotKnownError
    columns = zip(*shapes, strict=True)
    return [tuple(sizes[0] if len(set(sizes)) == 1 else None for sizes in columns), ()]


LAYOUT_RULES: dict[str, Rule] = {
    "Shape": lambda call: (call.fact(0).ndim,),
    "ShapeN": lambda call: [(fact.ndim,) for fact in call.inputs],
    "Size": lambda _: (),
    "Rank": lambda _: (),
    "Reshape": _reshape,
    "ExpandDims": _expand,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Pack": _pack,
    "Unpack": _unpack,
    **dict.fromkeys(("Concat", "ConcatV2"), _concat),
    "Split": _split,
    "SplitV": _split_unequal,
    "Slice": _slice,
    **dict.fromkeys(("Gather", "GatherV2"), _gather),
    "GatherNd": _gather_nd,
    "Tile": _tile,
    **dict.fromkeys(("Pad", "PadV2", "MirrorPad"), _pad),
    **dict.fromkeys(
        ("Fill", "RandomUniform", "RandomStandardNormal", "TruncatedNormal"),
        lambda call: _target(call, 0),
    ),
    **dict.fromkeys(("BroadcastTo", "SparseToDense"), lambda call: _target(call, 1)),
    "ScatterNd": lambda call: _target(call, 2),
    "Range": lambda call: count_range(call)[-1:],
    "OneHot": _one_hot,
    "TopKV2": _top,
    "Switch": lambda call: [call.sizes(0)] * 2,
    "Merge": _merge,
    "Where": lambda call: (None, call.fact(0).ndim),
    **dict.fromkeys((f"NonMaxSuppressionV{i}" for i in (2, 3, 4, 5)), _selected_boxes),
}
