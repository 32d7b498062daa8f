"""Boxes around the cells of a picture; `pipeline.tf.onnx.rules.openvino.priors` computes them."""

from typing import Any

from pipeline.tf.openvino.layer import Layer, Table
from pipeline.tf.openvino.rules.detections import emit_beyond


def _floats(layer: Layer, name: str) -> list[float]:
    return [float(n) for n in layer.attribute(name) or ()]


def _flag(layer: Layer, name: str, *, default: bool) -> int:
    return int(bool(layer.attribute(name, default)))


def _make_priors(layer: Layer) -> list[str]:
    lists = {
        "least": "min_size", "most": "max_size", "ratios": "aspect_ratio", "densities": "density",
        "fixed_ratios": "fixed_ratio", "fixed_sizes": "fixed_size", "variances": "variance",
    }  # fmt: skip
    return _emit(
        layer,
        {name: _floats(layer, own) for name, own in lists.items()},
        num_boxes=_count(layer),
        step=float(layer.attribute("step", 0)),
        offset=float(layer.attribute("offset", 0)),
        clip=_flag(layer, "clip", default=False),
        flips=_flag(layer, "flip", default=False),
        scales_all=_flag(layer, "scale_all_sizes", default=True),
        most_before_ratios=_flag(layer, "min_max_aspect_ratios_order", default=True),
    )


def _count(layer: Layer) -> int:
    """Return how many boxes of a cell the output has room for, as OpenVINO counts them."""
    least, most, fixed, shapes = (
        len(_floats(layer, name)) for name in ("min_size", "max_size", "fixed_size", "fixed_ratio")
    )
    ratios = [1.0]
    for ratio in _floats(layer, "aspect_ratio"):
        if all(abs(ratio - each) >= _SAME for each in ratios):
            ratios += [ratio, 1 / ratio] if layer.attribute("flip") else [ratio]
    if fixed:
        count = len(ratios) * fixed
    elif _flag(layer, "scale_all_sizes", default=True):
        count = len(ratios) * least + most
    else:
        count = len(ratios) + least - 1
    for density in map(int, _floats(layer, "density")):
        count += (shapes or len(ratios)) * (density**2 - 1)
    return count


_SAME = 1e-6


def _make_clustered(layer: Layer) -> list[str]:
    lists = {"widths": "width", "heights": "height", "variances": "variance"}
    return _emit(
        layer,
        {name: _floats(layer, own) for name, own in lists.items()},
        step=float(layer.attribute("step", 0)),
        across=float(layer.attribute("step_w", 0)),
        down=float(layer.attribute("step_h", 0)),
        offset=float(layer.attribute("offset", 0)),
        clip=_flag(layer, "clip", default=True),
    )


def _emit(layer: Layer, lists: dict[str, list[float]], **attributes: Any) -> list[str]:
    return emit_beyond(layer, **lists, **attributes)


RULES: Table = {"PriorBox": _make_priors, "PriorBoxClustered": _make_clustered}
