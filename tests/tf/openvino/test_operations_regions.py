"""Operations that pool regions of images, against OpenVINO."""

from typing import Any

import numpy as np
import pytest
from openvino import opset3, opset8, opset9, opset15
from openvino_graphs import Known, create, make_model, run_both

pytestmark = pytest.mark.tensorflow

_NUMBERS = np.random.default_rng(5)


def draw(*shape: int) -> Any:
    return _NUMBERS.normal(0, 1, shape).astype(np.float32)


def regions(count: int, size: float, *, image: bool = True) -> Any:
    """Return regions image, x, y, x, y, some of which leave the image."""
    near = _NUMBERS.uniform(-0.1, 0.7, (count, 2))
    made = np.concatenate([near, near + _NUMBERS.uniform(0.05, 0.6, (count, 2))], -1) * size
    if image:
        made = np.concatenate([np.arange(count)[:, None] % 2, made], -1)
    return made.astype(np.float32)


def check(build: Any, inputs: Any, shapes: Any = None) -> None:
    model, fed = make_model(build, inputs, shapes=shapes)
    for made, wanted in run_both(model, fed):
        assert made.shape == wanted.shape
        np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-5)


_OPEN = {0: [-1, 3, -1, -1], 1: [-1, 4], 2: [-1]}


@pytest.mark.parametrize("is_open", [False, True], ids=["known sizes", "open sizes"])
@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("aligned", ["asymmetric", "half_pixel_for_nn", "half_pixel"])
def test_regions_are_aligned(aligned: str, mode: str, is_open: bool) -> None:
    def build(x: Any, r: Any, n: Any) -> Any:
        return opset9.roi_align(x, r, n, 3, 2, 2, 0.5, mode, aligned)

    given = [draw(2, 3, 9, 11), regions(7, 20, image=False), np.arange(7) % 2]
    check(build, given, _OPEN if is_open else None)


def test_regions_of_opset3_are_aligned() -> None:
    given = [draw(2, 3, 9, 11), regions(7, 10, image=False), np.arange(7, dtype=np.int32) % 2]

    check(lambda x, r, n: opset3.roi_align(x, r, n, 2, 4, 3, 1.0, "avg"), given)


@pytest.mark.parametrize("clockwise", [True, False])
def test_turned_regions_are_aligned(clockwise: bool) -> None:
    places = _NUMBERS.uniform([0, 0, 2, 2, -3], [20, 20, 9, 9, 3], (6, 5)).astype(np.float32)
    given = [draw(2, 3, 9, 11), places, np.arange(6) % 2]

    check(lambda x, r, n: opset15.roi_align_rotated(x, r, n, 3, 2, 2, 0.5, clockwise), given)


@pytest.mark.parametrize("method", ["max", "bilinear"])
def test_regions_are_pooled(method: str) -> None:
    places = regions(8, 20 if method == "max" else 1)
    places[6, 0] = -1
    given = [draw(2, 3, 9, 11), places]

    def build(x: Any, r: Any) -> Any:
        return opset8.roi_pooling(x, r, [3, 2], 0.5, method)

    check(build, given)


@pytest.mark.parametrize("mode", ["average", "bilinear"])
def test_cells_have_channels_of_their_own(mode: str) -> None:
    places = regions(8, 20 if mode == "average" else 1)
    scale = 0.5 if mode == "average" else 1.0
    channels = 18 if mode == "average" else 12

    def build(x: Any, r: Any) -> Any:
        return opset8.psroi_pooling(x, r, 2, 3, scale, 2, 3, mode)

    check(build, [draw(2, channels, 9, 11), np.abs(places)])


@pytest.mark.parametrize("op", ["roi_pooling", "psroi_pooling"])
def test_the_edges_of_cells_are_where_openvino_has_them(op: str) -> None:
    def build(x: Any, r: Any) -> Any:
        if op == "roi_pooling":
            return opset8.roi_pooling(x, r, [7, 7], 0.0625, "max")
        return opset8.psroi_pooling(x, r, 1, 7, 0.0625, 1, 1, "average")

    check(build, [draw(2, 49, 38, 63), np.abs(regions(60, 600))])


@pytest.mark.parametrize("groups", [None, 1, 2])
def test_cells_are_shifted(groups: int | None) -> None:
    given = [draw(2, 36, 9, 11), np.abs(regions(6, 20))]
    if groups:
        given.append(draw(6, 2 * groups, 3, 3))

    def build(x: Any, r: Any, *shifts: Any) -> Any:
        named = {"offsets": shifts[0]} if shifts else {}
        return opset8.deformable_psroi_pooling(
            x, r, 4, 0.5, 3, "bilinear_deformable", 2, 4, 0.2, 3, **named
        )

    check(build, given)


@pytest.mark.parametrize("aligned", [True, False])
def test_features_come_from_the_level_of_the_size(aligned: bool) -> None:
    places = np.concatenate([regions(5, 200, image=False), regions(5, 900, image=False)])
    given = [places, *(draw(1, 4, size, size) for size in (40, 20, 10))]

    def build(*nodes: Any) -> Any:
        return create(
            "ExperimentalDetectronROIFeatureExtractor", nodes, opset=6, output_size=3,
            sampling_ratio=2, pyramid_scales=[8, 16, 32], aligned=aligned,
        )  # fmt: skip

    check(build, given)


@pytest.mark.parametrize("flatten", [True, False])
def test_a_grid_of_priors_is_made(flatten: bool) -> None:
    def build(*nodes: Any) -> Any:
        return create(
            "ExperimentalDetectronPriorGridGenerator", nodes, opset=6, flatten=flatten, h=0, w=0,
            stride_x=0.0, stride_y=4.0,
        )  # fmt: skip

    check(build, [draw(3, 4), Known(draw(1, 2, 4, 5)), Known(draw(1, 3, 16, 30))])


@pytest.mark.parametrize("does_softmax", [True, False])
def test_regions_of_yolo_are_scored(does_softmax: bool) -> None:
    def build(x: Any) -> Any:
        return opset8.region_yolo(
            x, 4, 3, 5 if does_softmax else 9, does_softmax, [0, 1, 2, 3, 4], 1, 3, [1.0, 2.0]
        )

    check(build, [draw(2, 40, 3, 4)])
