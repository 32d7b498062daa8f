"""Operators over the space of images, and normalizations, against ONNX Runtime."""

from typing import Any

import numpy as np
import pytest
from onnx import helper
from onnx_and_runtime import (
    list_ops_in_child,
    make_graph_model,
    make_node_model,
    run_in_child,
    run_in_runtime,
)

from pipeline.errors import ConversionError

pytestmark = pytest.mark.tensorflow

_NUMBERS = np.random.default_rng(7)
# Sizes of an image that is open but for its channels.
_OPEN = {"x": ("batch", 3, "height", "width")}


def draw(*shape: int) -> Any:
    return _NUMBERS.normal(size=shape).astype(np.float32)


def floats(*numbers: float) -> Any:
    return np.array(numbers, np.float32)


_IMAGE = draw(2, 3, 11, 14)
_SMALL = draw(2, 3, 6, 8)


def case(op: str, *inputs: Any, name: str = "", outputs: int = 1, **attributes: Any) -> Any:
    """Return a case: its inputs behind the image are constants."""
    named = {"x": inputs[0]} | {f"input_{n}": array for n, array in enumerate(inputs[1:])}
    return pytest.param(op, named, outputs, attributes, id=f"{op} {name}".strip())


def make(
    op: str, inputs: dict[str, Any], outputs: int, attributes: dict[str, Any], *, is_open: bool
) -> Any:
    constants = [name for name, array in inputs.items() if name != "x" and array is not None]
    return make_node_model(
        op, inputs, shapes=_OPEN if is_open else {}, constants=constants, num_outputs=outputs,
        **{"opset": 19, **attributes},
    )  # fmt: skip


def check(model: Any, inputs: dict[str, Any]) -> None:
    expected = run_in_runtime(model, inputs)
    for made, wanted in zip(run_in_child(model, inputs), expected, strict=True):
        np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-5)


POOLS = [
    case("MaxPool", _IMAGE, name="SAME", kernel_shape=[3, 3], pads=[1] * 4),
    case("MaxPool", _IMAGE, name="padded", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4),
    case(
        "MaxPool", _IMAGE - 5, name="all negative, rounded up", kernel_shape=[3, 2],
        strides=[2, 3], pads=[1, 0, 1, 1], ceil_mode=1, outputs=2,
    ),
    case("MaxPool", _IMAGE, name="dilated", kernel_shape=[3, 2], dilations=[2, 3], strides=[1, 2]),
    case(
        "MaxPool", _IMAGE, name="indices by columns", kernel_shape=[2, 2], strides=[2, 2],
        storage_order=1, outputs=2,
    ),
    case(
        "MaxPool", _IMAGE, name="upper", kernel_shape=[3, 2], strides=[2, 3],
        auto_pad="SAME_UPPER",
    ),
    case("AveragePool", _IMAGE, name="padded", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4),
    case(
        "AveragePool", _IMAGE, name="padding counts", kernel_shape=[3, 3], strides=[2, 2],
        pads=[1] * 4, count_include_pad=1,
    ),
    case(
        "AveragePool", _IMAGE, name="padding counts, rounded up", kernel_shape=[3, 2],
        strides=[2, 3], pads=[1, 0, 1, 1], count_include_pad=1, ceil_mode=1,
    ),
    case(
        "AveragePool", _IMAGE, name="dilated, rounded up", kernel_shape=[3, 2], strides=[2, 3],
        pads=[1, 0, 1, 1], dilations=[2, 1], ceil_mode=1,
    ),
    case("LpPool", _IMAGE, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 0, 1], p=3),
    case("GlobalLpPool", _IMAGE, p=3),
    case("GlobalAveragePool", _IMAGE),
    case("GlobalMaxPool", _IMAGE),
    case(
        "MaxRoiPool", _IMAGE,
        floats(0, 1, 1, 8, 9, 1, 4, 4, 4, 4, 0, -2, -3, 20, 20).reshape(3, 5),
        pooled_shape=[3, 4], spatial_scale=0.7,
    ),
]  # fmt: skip


def sizes(*numbers: int) -> Any:
    return np.array(numbers, np.int64)


def resize(name: str, scales: Any, target: Any = None, **attributes: Any) -> Any:
    return case("Resize", _IMAGE, None, scales, target, name=name, **attributes)


RESIZES = [
    resize("nearest twice", floats(1, 1, 2, 2), mode="nearest"),
    resize(
        "nearest half", floats(1, 1, 0.5, 0.5), coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    ),
    resize(
        "nearest ceil", floats(1, 1, 2, 3), coordinate_transformation_mode="asymmetric",
        nearest_mode="ceil",
    ),
    resize("linear", floats(1, 1, 2, 3), mode="linear"),
    resize("linear one and a half", floats(1, 1, 1.5, 1.5), mode="linear"),
    resize(
        "linear aligned", None, sizes(2, 3, 17, 5), mode="linear",
        coordinate_transformation_mode="align_corners",
    ),
    resize(
        "linear to one", None, sizes(2, 3, 1, 20), mode="linear",
        coordinate_transformation_mode="pytorch_half_pixel",
    ),
]  # fmt: skip

CLOSED_RESIZES = [
    resize("cubic", floats(1, 1, 1.5, 0.6), mode="cubic"),
    resize(
        "cubic without outside", floats(1, 1, 0.8, 2), mode="cubic", exclude_outside=1,
        cubic_coeff_a=-0.5,
    ),
    resize("linear antialiased", floats(1, 1, 0.5, 0.6), mode="linear", antialias=1),
    resize("cubic antialiased", floats(1, 1, 0.5, 0.6), mode="cubic", antialias=1),
    resize(
        "symmetric", floats(1, 1, 1.3, 0.6), mode="linear",
        coordinate_transformation_mode="half_pixel_symmetric",
    ),
    case(
        "Resize", _IMAGE, floats(0, 0, 0.2, 0.3, 1, 1, 0.8, 1.2), None, sizes(2, 3, 5, 6),
        name="crop", mode="linear", coordinate_transformation_mode="tf_crop_and_resize",
        extrapolation_value=7.0,
    ),
    case(
        "Resize", _IMAGE, None, None, sizes(13, 12), name="keeps its aspect", mode="linear",
        axes=[3, 2], keep_aspect_ratio_policy="not_larger",
    ),
    case("Resize", _IMAGE, floats(1, 1, 1.5, 0.6), name="of version 10", opset=10),
    case("Resize", draw(1, 2, 3, 4, 5), None, floats(1, 1, 2, 2, 2), name="volume", mode="linear"),
    case("Upsample", _IMAGE, floats(1, 1, 2, 3), name="of version 9", opset=9, mode="linear"),
]  # fmt: skip

NORMS = [
    case(
        "BatchNormalization", _IMAGE, draw(3), draw(3), draw(3), np.abs(draw(3)), epsilon=1e-3,
    ),
    case("InstanceNormalization", _IMAGE, draw(3), draw(3)),
    case("GroupNormalization", _IMAGE, draw(3), draw(3), num_groups=3, opset=21),
    case("LpNormalization", _IMAGE, axis=1, p=1),
    case("LpNormalization", _IMAGE, name="square", axis=-1),
    case("MeanVarianceNormalization", _IMAGE),
    case("LRN", _IMAGE, size=3, alpha=0.1, beta=0.5, bias=1.5),
    case("RMSNormalization", _IMAGE, draw(14), opset=23),
]  # fmt: skip

_REGIONS = floats(1, 1, 5, 4, 0, 2, 3, 5.5, 4, 4, 4, 4, -3, -3, 20, 20, 6.2, 5.1, 9, 9)

PLACES = [
    *(
        case(
            "GridSample", _SMALL, 1.5 * np.tanh(draw(2, 4, 5, 2)), name=f"{mode} {padding} {align}",
            mode=mode, padding_mode=padding, align_corners=align, opset=20,
        )
        for mode in ("linear", "nearest", "cubic")
        for padding in ("zeros", "border", "reflection")
        for align in (0, 1)
    ),
    *(
        case(
            "RoiAlign", _SMALL, _REGIONS.reshape(5, 4), sizes(0, 1, 1, 0, 1),
            name=f"{mode} {pixel}", mode=mode, coordinate_transformation_mode=pixel,
            sampling_ratio=2, output_height=3, output_width=2, spatial_scale=0.8,
        )
        for mode in ("avg", "max")
        for pixel in ("half_pixel", "output_half_pixel")
    ),
    case(
        "DeformConv", _SMALL, draw(4, 3, 3, 2), draw(2, 12, 6, 5), draw(4), draw(2, 6, 6, 5),
        strides=[1, 2], pads=[1] * 4, kernel_shape=[3, 2],
    ),
    case("SpaceToDepth", _SMALL, blocksize=2),
]  # fmt: skip

CHANNELS = [
    case(
        "LayerNormalization", _IMAGE[..., :5], draw(3, 11, 5), draw(3, 11, 5), axis=1, outputs=3,
    ),
    case("DepthToSpace", draw(2, 12, 3, 4), name="channels last", blocksize=2),
    case("DepthToSpace", draw(2, 12, 3, 4), name="blocks last", blocksize=2, mode="CRD"),
    case("Col2Im", draw(2, 12, 16), sizes(6, 5), sizes(2, 2), strides=[2, 1], pads=[1, 0, 2, 1],
         dilations=[1, 2]),
    case("AffineGrid", draw(2, 2, 3), sizes(2, 3, 5, 6), opset=20, align_corners=1),
    case("GridSample", draw(2, 3, 4, 5, 6), np.tanh(draw(2, 2, 3, 4, 3)), name="volume", opset=20),
    case("MaxPool", draw(1, 2, 9), name="of a line", kernel_shape=[3], strides=[2], pads=[1, 1],
         outputs=2),
    case("MaxPool", draw(1, 2, 7, 8, 9), name="of a volume", kernel_shape=[3, 2, 3],
         strides=[2, 2, 1], pads=[1, 0, 1] * 2),
]  # fmt: skip


@pytest.mark.parametrize("is_open", [False, True], ids=["known sizes", "open sizes"])
@pytest.mark.parametrize(
    ("op", "inputs", "outputs", "attributes"), [*POOLS, *RESIZES, *NORMS, *PLACES]
)
def test_operators_over_images_compute_what_onnx_runtime_computes(
    op: str, inputs: dict[str, Any], outputs: int, attributes: dict[str, Any], is_open: bool
) -> None:
    check(make(op, inputs, outputs, attributes, is_open=is_open), inputs)


@pytest.mark.parametrize(("op", "inputs", "outputs", "attributes"), [*CLOSED_RESIZES, *CHANNELS])
def test_operators_over_known_sizes_compute_what_onnx_runtime_computes(
    op: str, inputs: dict[str, Any], outputs: int, attributes: dict[str, Any]
) -> None:
    check(make(op, inputs, outputs, attributes, is_open=False), inputs)


@pytest.mark.parametrize(
    ("number", "is_open", "expected"),
    [
        pytest.param(0, True, ["MaxPool"], id="SAME"),
        pytest.param(1, True, ["PadV2", "MaxPool"], id="padding of an open size"),
        pytest.param(6, False, ["Pad", "AvgPool", "Mul"], id="padding that does not count"),
        pytest.param(7, True, ["Pad", "AvgPool"], id="padding that counts"),
    ],
)
def test_a_pool_is_one_op_and_what_its_padding_needs(
    number: int, is_open: bool, expected: list[str]
) -> None:
    op, inputs, outputs, attributes = POOLS[number].values
    model = make(op, inputs, outputs, attributes, is_open=is_open)

    ops = [name for name in list_ops_in_child(model) if name != "Transpose"]
    assert ops == expected


@pytest.mark.parametrize(("number", "op"), [(0, "ResizeNearestNeighbor"), (3, "ResizeBilinear")])
def test_an_open_image_is_resized_by_one_op(number: int, op: str) -> None:
    ops = list_ops_in_child(make(*RESIZES[number].values, is_open=True))

    assert op in ops
    assert "GatherV2" not in ops


def test_an_image_is_resized_to_the_open_size_of_another() -> None:
    inputs = {"x": _SMALL, "other": _IMAGE}
    nodes = [
        helper.make_node("Shape", ["x"], ["front"], end=2),
        helper.make_node("Shape", ["other"], ["behind"], start=2),
        helper.make_node("Concat", ["front", "behind"], ["sizes"], axis=0),
        helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], mode="linear"),
    ]
    model = make_graph_model(nodes, inputs, ["y"], shapes={**_OPEN, "other": ("b", 3, "h", "w")})

    check(model, inputs)
    assert "ResizeBilinear" in list_ops_in_child(model)


def test_the_edges_of_cells_of_regions_are_where_onnx_runtime_has_them() -> None:
    near = _NUMBERS.uniform(0, 400, (60, 2))
    places = np.concatenate([near, near + _NUMBERS.uniform(50, 300, (60, 2))], 1)
    regions = np.concatenate([np.zeros((60, 1)), places], 1).astype(np.float32)
    inputs = {"x": draw(1, 2, 38, 63), "regions": regions}
    model = make_node_model("MaxRoiPool", inputs, pooled_shape=[7, 7], spatial_scale=0.0625)

    check(model, inputs)


def test_what_a_max_pool_took_is_put_back() -> None:
    inputs = {"x": _IMAGE}
    window: dict[str, Any] = {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 0]}
    nodes = [
        helper.make_node("MaxPool", ["x"], ["p", "places"], **window),
        helper.make_node("MaxUnpool", ["p", "places"], ["y"], **window),
    ]

    check(make_graph_model(nodes, inputs, ["y"], shapes=_OPEN), inputs)


@pytest.mark.parametrize(
    ("op", "inputs", "outputs", "attributes", "reason"),
    [
        (*RESIZES[0].values[:3], {"mode": "cubic"}, "'cubic' over an axis"),
        (*CLOSED_RESIZES[7].values, "rounding decides"),
        (
            "Resize", {"x": _IMAGE, "r": None, "s": floats(1, 1, 0.6, 0.6)}, 1,
            {"coordinate_transformation_mode": "align_corners"}, "no whole size",
        ),
    ],
    ids=["cubic over an open size", "a tie over an open size", "corners"],
)  # fmt: skip
def test_what_cannot_be_exact_is_refused_by_name(
    op: str, inputs: dict[str, Any], outputs: int, attributes: dict[str, Any], reason: str
) -> None:
    model = make(op, inputs, outputs, attributes, is_open=True)

    with pytest.raises(ConversionError, match=reason):
        run_in_child(model, inputs)
