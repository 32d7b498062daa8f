"""Operations that pool regions of images, most computed in `pipeline.tf.onnx.rules.openvino`."""

from typing import Any

import numpy as np

from pipeline.tf.openvino.layer import Layer, Table
from pipeline.tf.openvino.rules.detections import emit_beyond

# What is added to the corners of regions before they are scaled, and after it.
_SHIFTS = {"asymmetric": (0.0, 0.0), "half_pixel_for_nn": (0.0, -0.5), "half_pixel": (0.5, -0.5)}


def _samples(layer: Layer) -> int:
    count = int(layer.attribute("sampling_ratio", 0))
    if count < 1:
        raise layer.refuse("the number of its samples depends on the size of the regions")
    return count


def _align(layer: Layer) -> list[str]:
    mode = str(layer.attribute("aligned_mode", "asymmetric")).lower()
    before, after = _SHIFTS[mode]
    return emit_beyond(
        layer,
        samples=_samples(layer),
        counts=_pooled(layer),
        scale=float(layer.attribute("spatial_scale")),
        mode=str(layer.attribute("mode", "avg")).lower(),
        before=before,
        after=after,
        least=1.0 if mode == "asymmetric" else 0.0,
    )


def _pooled(layer: Layer) -> list[int]:
    return [int(layer.attribute(name)) for name in ("pooled_h", "pooled_w")]


def _align_rotated(layer: Layer) -> list[str]:
    return emit_beyond(
        layer,
        samples=_samples(layer),
        counts=_pooled(layer),
        scale=float(layer.attribute("spatial_scale")),
        turn=-1.0 if layer.attribute("clockwise_mode") else 1.0,
    )


def _pool(layer: Layer) -> list[str]:
    sizes = layer.attribute("output_roi", layer.attribute("output_size"))
    return emit_beyond(
        layer,
        counts=_pooled(layer) if sizes is None else [int(n) for n in sizes],
        scale=float(layer.attribute("spatial_scale")),
        method=str(layer.attribute("method", "max")).lower(),
    )


def _pool_by_place(layer: Layer) -> list[str]:
    size = int(layer.attribute("group_size"))
    return emit_beyond(
        layer,
        counts=[size, size],
        outputs=int(layer.attribute("output_dim")),
        scale=float(layer.attribute("spatial_scale")),
        mode=str(layer.attribute("mode", "average")).lower(),
        bins=[int(layer.attribute(f"spatial_bins_{name}", 1)) for name in ("y", "x")],
    )


def _pool_shifted(layer: Layer) -> list[str]:
    size, groups = int(layer.attribute("group_size", 1)), 1
    if layer.has(2):
        groups = (layer.sizes(2)[1] or 0) // 2
        if not groups:
            raise layer.refuse("the number of its shifts is open")
    return emit_beyond(
        layer,
        counts=[size, size],
        outputs=int(layer.attribute("output_dim")),
        scale=float(layer.attribute("spatial_scale")),
        bins=[int(layer.attribute(f"spatial_bins_{name}", 1)) for name in ("y", "x")],
        groups=groups,
        parts=int(layer.attribute("part_size", 1)),
        deviation=float(layer.attribute("trans_std", 1.0)),
    )


def _extract(layer: Layer) -> list[str]:
    return emit_beyond(
        layer,
        side=int(layer.attribute("output_size")),
        samples=_samples(layer),
        scales=[int(n) for n in layer.attribute("pyramid_scales")],
        after=0.5 if layer.attribute("aligned") else 0.0,
    )


def _make_grid(layer: Layer) -> str:
    """ExperimentalDetectronPriorGridGenerator: boxes around the middle of each cell."""
    rows, columns = (int(layer.attribute(name, 0)) for name in ("h", "w"))
    steps = [float(layer.attribute(name, 0)) for name in ("stride_y", "stride_x")]
    counts: list[Any] = [rows or layer.sizes(1)[2], columns or layer.sizes(1)[3]]
    image = layer.sizes(2)[2:]
    if None in counts or (0.0 in steps and None in image):
        raise layer.refuse("the sizes of its grid are open")
    steps = [step or size / n for step, size, n in zip(steps, image, counts, strict=True)]
    down, across = (
        np.float32(step) * (np.arange(n, dtype=np.float32) + np.float32(0.5))
        for step, n in zip(steps, counts, strict=True)
    )
    x, y = np.meshgrid(across, down)
    shifts = layer.constant(np.stack([x, y, x, y], -1)[:, :, None], layer.inputs[0].dtype)
    made = layer.emit("Add", [layer.names[0], shifts])
    return layer.reshape(made, [-1, 4]) if layer.attribute("flatten", True) else made


def _score_regions(layer: Layer) -> str:
    """RegionYolo: places and chances become shares, by the logistic function or by softmax.

    Its input has (regions * (coordinates + 1 + classes)) channels.
    """
    does_softmax = bool(layer.attribute("do_softmax", True))
    coordinates, classes = (int(layer.attribute(name)) for name in ("coords", "classes"))
    regions = int(layer.attribute("num")) if does_softmax else len(layer.attribute("mask"))
    _, channels, *space = layer.sizes()
    used = regions * (coordinates + classes + 1)
    if None in space or channels is None:
        raise layer.refuse("its input has open sizes")
    name = layer.names[0]
    if used != channels:
        raise layer.refuse(f"it has {channels} channels of which it reads {used}")
    name = layer.reshape(name, [0, regions, coordinates + classes + 1, *space])  # type: ignore[list-item]  # known
    parts = [2, coordinates - 2, *((1, classes) if does_softmax else (1 + classes,))]
    kept = [n for n in parts if n]
    split = layer.constant(kept, "int64")
    pieces = iter(layer.emit_many("Split", [name, split], len(kept), axis=2))
    made = [layer.emit("Sigmoid", [next(pieces)])]
    if coordinates > 2:  # noqa: PLR2004  # x and y
        made.append(next(pieces))
    made.append(layer.emit("Sigmoid", [next(pieces)]))
    if does_softmax:
        made.append(layer.emit("Softmax", [next(pieces)], axis=2))
    joined = layer.emit("Concat", made, axis=2)
    sizes = layer.outputs[0].sizes
    if sizes is None or sum(size is None for size in sizes) > 1:
        raise layer.refuse("its output has open sizes")
    return layer.reshape(joined, [-1 if size is None else size for size in sizes])


RULES: Table = {
    "DeformablePSROIPooling": _pool_shifted,
    "ExperimentalDetectronPriorGridGenerator": _make_grid,
    "ExperimentalDetectronROIFeatureExtractor": _extract,
    "PSROIPooling": _pool_by_place,
    "ROIAlign": _align,
    "ROIAlignRotated": _align_rotated,
    "ROIPooling": _pool,
    "RegionYolo": _score_regions,
}
