"""Pictures whose colors have half the size of their brightness: NV12 and I420 to RGB and BGR."""

from pipeline.tf.layout.value import is_float
from pipeline.tf.openvino.layer import Layer, Rule, Table
from pipeline.tf.openvino.rules.parts import slice_axes

# https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets/operation-specs/
# image/nv12-to-rgb-8.html
_BLUE, _GREEN, _RED = (2.018, 0.0), (-0.391, -0.813), (0.0, 1.596)


def _convert(*, is_nv12: bool, is_bgr: bool) -> Rule:
    def rule(layer: Layer) -> str:
        planes = _planes_of_two(layer) if is_nv12 else _planes_of_three(layer)
        dtype = layer.inputs[0].dtype
        bright, *colors = (
            layer.emit("Sub", [_real(layer, name), layer.constant(base, "float32")])
            for name, base in zip(planes, (16, 128, 128), strict=True)
        )
        bright = _times(layer, bright, 1.164)
        wide = [_double(layer, name) for name in colors]
        order = (_BLUE, _GREEN, _RED) if is_bgr else (_RED, _GREEN, _BLUE)
        parts = []
        for factors in order:
            total = bright
            for name, factor in zip(wide, factors, strict=True):
                if factor:
                    total = layer.emit("Add", [total, _times(layer, name, factor)])
            parts.append(total)
        made = layer.emit("Concat", parts, axis=3)
        limits = [layer.constant(n, "float32") for n in (0, 255)]
        if is_float(dtype):
            return _as(layer, layer.emit("Clip", [made, *limits]), dtype)
        half = layer.constant(0.5, "float32")
        rounded = layer.emit("Floor", [layer.emit("Add", [made, half])])
        return layer.cast(layer.emit("Clip", [rounded, *limits]), dtype)

    return rule


def _real(layer: Layer, name: str) -> str:
    return _as(layer, name, "float32", layer.inputs[0].dtype)


def _as(layer: Layer, name: str, dtype: str, own: str = "float32") -> str:
    return name if dtype == own else layer.cast(name, dtype)


def _times(layer: Layer, name: str, factor: float) -> str:
    return layer.emit("Mul", [name, layer.constant(factor, "float32")])


def _sizes(layer: Layer) -> list[int]:
    """Return height and width of the picture."""
    sizes = layer.sizes()[1:3]
    if None in sizes:
        raise layer.refuse("its picture has open sizes")
    height, width = (int(size or 0) for size in sizes)
    return [height * 2 // 3 if len(layer.inputs) == 1 else height, width]


def _planes_of_two(layer: Layer) -> list[str]:
    """Return brightness and both colors, which lie side by side: (batch, height, width, 1)."""
    height, width = _sizes(layer)
    bright, pairs = layer.names[0], layer.names[-1]
    if len(layer.inputs) == 1:
        bright = slice_axes(layer, layer.names[0], [0], [height], [1])
        pairs = slice_axes(layer, layer.names[0], [height], [height + height // 2], [1])
        pairs = layer.reshape(pairs, [-1, height // 2, width // 2, 2])
    colors = layer.emit_many("Split", [pairs], 2, axis=3, num_outputs=2)
    return [bright, *colors]


def _planes_of_three(layer: Layer) -> list[str]:
    """Return brightness and both colors, which lie one behind the other."""
    height, width = _sizes(layer)
    if len(layer.inputs) > 1:
        return list(layer.names)
    bright = slice_axes(layer, layer.names[0], [0], [height], [1])
    rest = slice_axes(layer, layer.names[0], [height], [height + height // 2], [1])
    both = layer.reshape(rest, [-1, 2, height // 2, width // 2])
    parts = layer.emit_many("Split", [both], 2, axis=1, num_outputs=2)
    return [bright, *(layer.reshape(part, [-1, height // 2, width // 2, 1]) for part in parts)]


def _double(layer: Layer, name: str) -> str:
    """Return a plane of which each element is a block of two rows and columns."""
    height, width = _sizes(layer)
    name = layer.reshape(name, [-1, height // 2, 1, width // 2, 1, 1])
    sizes = layer.constant([1, 1, 2, 1, 2, 1], "int64")
    return layer.reshape(layer.emit("Tile", [name, sizes]), [-1, height, width, 1])


RULES: Table = {
    "I420toBGR": _convert(is_nv12=False, is_bgr=True),
    "I420toRGB": _convert(is_nv12=False, is_bgr=False),
    "NV12toBGR": _convert(is_nv12=True, is_bgr=True),
    "NV12toRGB": _convert(is_nv12=True, is_bgr=False),
}
