"""Boxes around the cells of a picture, from known sizes: PriorBox and PriorBoxClustered.

https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets/operation-specs/
detection/prior-box-8.html
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pipeline.tf.layout.value import Value, constant
from pipeline.tf.onnx.call import Call, Table

_SAME = 1e-6
_HALF = np.float32(0.5)
Box = tuple[Any, Any, Any, Any]
"""Offset of the centre across and down, half of the width and of the height; in pixels."""


def _sizes(call: Call) -> tuple[int, int, int, int]:
    """Return the rows and columns of cells, and the height and width of the picture."""
    cells, picture = (np.ravel(call.require(n, what)) for n, what in ((0, "grid"), (1, "picture")))
    return int(cells[0]), int(cells[1]), int(picture[0]), int(picture[1])


def _floats(call: Call, name: str) -> list[Any]:
    return [np.float32(n) for n in call.attribute(name)]


def _make_priors(call: Call) -> Value:
    rows, columns, height, width = _sizes(call)
    step = np.float32(call.attribute("step"))
    scales_all = bool(call.attribute("scales_all"))
    if not scales_all:
        step = np.float32(height / rows if step == -1 else step * height)
    if step == 0:
        steps = np.float32(width) / np.float32(columns), np.float32(height) / np.float32(rows)
        offset = np.float32(0.5)
    else:
        steps, offset = (step, step), np.float32(call.attribute("offset"))
    boxes = list(_list_boxes(call, height, scales_all=scales_all))
    if len(boxes) != call.attribute("num_boxes"):
        raise call.refuse(
            f"it makes {len(boxes)} boxes of a cell, and OpenVINO counts "
            f"{call.attribute('num_boxes')}"
        )
    centres = _centres(rows, columns, steps, offset)
    made = np.empty((rows, columns, len(boxes), 4), np.float32)
    for number, ((across, down, *half), is_clipped) in enumerate(boxes):
        x, y = centres[..., 0] + across, centres[..., 1] + down
        own = made[:, :, number]
        own[:] = _corners((x, y), half, (width, height))
        if is_clipped:
            own[..., :2], own[..., 2:] = np.maximum(own[..., :2], 0), np.minimum(own[..., 2:], 1)
    if call.attribute("clip"):
        made = np.clip(made, 0, 1)
    return _with_variances(call, made)


def _centres(rows: int, columns: int, steps: Sequence[Any], offset: Any) -> Any:
    x = (np.arange(columns, dtype=np.float32) + offset) * steps[0]
    y = (np.arange(rows, dtype=np.float32) + offset) * steps[1]
    return np.stack(np.meshgrid(x, y), -1)


def _corners(centre: Sequence[Any], half: Sequence[Any], size: Sequence[int]) -> Any:
    """Return x, y, x, y as shares of the picture."""
    inverse = [np.float32(1) / np.float32(n) for n in size]
    near = [(c - h) * i for c, h, i in zip(centre, half, inverse, strict=True)]
    far = [(c + h) * i for c, h, i in zip(centre, half, inverse, strict=True)]
    return np.stack([*near, *far], -1)


def _with_variances(call: Call, boxes: Any) -> Value:
    flat = boxes.reshape(-1)
    stated = _floats(call, "variances") or [np.float32(0.1)]
    variances = np.resize(np.array(stated, np.float32), flat.shape)
    return constant(np.stack([flat, variances]))


def _ratios(call: Call) -> list[Any]:
    """Return ratios of sides, each once, and their inverses where it flips; 1 comes first."""
    found = [np.float32(1)]
    for ratio in _floats(call, "ratios"):
        if all(abs(ratio - each) >= _SAME for each in found):
            found.append(ratio)
            if call.attribute("flips"):
                found.append(np.float32(1) / ratio)
    return found


def _list_boxes(call: Call, height: int, *, scales_all: bool) -> Iterator[tuple[Box, bool]]:
    """Yield the boxes of a cell, and whether they are cut at the border of the picture."""
    ratios = _ratios(call)[1:]
    yield from ((box, True) for box in _list_dense(call, ratios))
    least, most = _floats(call, "least"), _floats(call, "most")
    if not scales_all:
        least = [size * np.float32(height) for size in least]
    for number, size in enumerate(least):
        half = size * _HALF
        yield (0, 0, half, half), False
        between: list[Box] = []
        if number < len(most):
            side = np.sqrt(size * most[number], dtype=np.float32) * _HALF
            between = [(0, 0, side, side)]
        others: list[Box] = []
        if scales_all or number == len(least) - 1:
            base = least[number if scales_all else 0]
            others = [(0, 0, *sides) for sides in _stretch(base, ratios)]
        first, second = between, others
        if not call.attribute("most_before_ratios"):
            first, second = others, between
        yield from ((box, False) for box in (*first, *second))


def _stretch(size: Any, ratios: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Return half of the width and of the height for ratios of them, all of one area."""
    roots = np.sqrt(np.array(ratios, np.float32))
    return [(size * _HALF * root, size * _HALF / root) for root in roots]


def _list_dense(call: Call, ratios: Sequence[Any]) -> Iterator[Box]:
    """Yield boxes of fixed sizes, several of which lie side by side in a cell."""
    fixed, densities = _floats(call, "fixed_sizes"), _floats(call, "densities")
    for number, size in enumerate(fixed):
        whole = int(size)
        shapes = _stretch(size, _floats(call, "fixed_ratios"))
        if not shapes:
            shapes = [(np.float32(whole) * _HALF,) * 2, *_stretch(size, ratios)]
        density = int(densities[number])
        shift = int(size / density)
        begin = np.float32(shift / 2 - whole // 2)
        for wide, high in shapes:
            for row in range(density):
                for column in range(density):
                    yield begin + column * shift, begin + row * shift, wide, high


def _make_clustered(call: Call) -> Value:
    rows, columns, height, width = _sizes(call)
    step = np.float32(call.attribute("step"))
    across, down = (np.float32(call.attribute(name)) or step for name in ("across", "down"))
    if across == 0 and down == 0:
        across = np.float32(width) / np.float32(columns)
        down = np.float32(height) / np.float32(rows)
    centres = _centres(rows, columns, (across, down), np.float32(call.attribute("offset")))
    half = np.stack([_floats(call, "widths"), _floats(call, "heights")], -1) / np.float32(2)
    size = np.array([width, height], np.float32)
    near = (centres[:, :, None] - half) / size
    far = (centres[:, :, None] + half) / size
    made = np.concatenate([near, far], -1).astype(np.float32)
    return _with_variances(call, np.clip(made, 0, 1) if call.attribute("clip") else made)


RULES: Table = {"PriorBox": _make_priors, "PriorBoxClustered": _make_clustered}
