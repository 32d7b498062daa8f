"""Spectra, decoders, colors, priors and what else OpenVINO has of its own, against OpenVINO."""

from typing import Any

import numpy as np
import pytest
from openvino import opset1, opset6, opset7, opset8, opset9, opset11, opset14, opset15, opset16
from openvino_graphs import Known, make_model, run_both

pytestmark = pytest.mark.tensorflow

_NUMBERS = np.random.default_rng(3)


def draw(*shape: int) -> Any:
    return _NUMBERS.normal(0, 1, shape).astype(np.float32)


def numbers(*values: int) -> Known:
    return Known(np.array(values, np.int64))


def check(build: Any, inputs: Any, shapes: Any = None) -> None:
    model, fed = make_model(build, inputs, shapes=shapes)
    for made, wanted in run_both(model, fed):
        assert made.shape == wanted.shape
        np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=2e-5)


SPECTRA = [
    pytest.param(opset7.dft, [draw(2, 5, 6, 2), numbers(1)], id="DFT"),
    pytest.param(opset7.dft, [draw(2, 5, 6, 2), numbers(-1, 1), numbers(4, -1)], id="DFT cut"),
    pytest.param(opset7.idft, [draw(2, 5, 6, 2), numbers(0, 2), numbers(3, 9)], id="IDFT"),
    pytest.param(opset9.rdft, [draw(2, 5, 6), numbers(2)], id="RDFT"),
    pytest.param(opset9.rdft, [draw(2, 5, 6), numbers(0, 2, 1), numbers(2, 4, 3)], id="RDFT 3"),
    pytest.param(opset9.irdft, [draw(2, 5, 4, 2), numbers(2)], id="IRDFT"),
    pytest.param(opset9.irdft, [draw(2, 5, 4, 2), numbers(1, -1), numbers(5, 7)], id="IRDFT odd"),
]


@pytest.mark.parametrize(("op", "inputs"), SPECTRA)
def test_spectra(op: Any, inputs: Any) -> None:
    check(op, inputs)


@pytest.mark.parametrize("turned", [True, False])
@pytest.mark.parametrize(("shape", "window"), [((2, 50), 8), ((50,), 5)])
def test_spectra_of_frames(shape: tuple[int, ...], window: int, turned: bool) -> None:
    def build(x: Any, w: Any, size: Any, step: Any) -> Any:
        return opset15.stft(x, w, size, step, turned)

    sizes = [Known(np.int64(8)), Known(np.int64(3))]
    check(build, [draw(*shape), Known(np.abs(draw(window)) + 1), *sizes])


@pytest.mark.parametrize(
    ("shape", "center", "normalized", "length"),
    [
        ((2, 5, 6, 2), False, False, None),
        ((5, 6, 2), True, False, None),
        ((1, 5, 6, 2), True, True, 15),
        ((1, 5, 6, 2), False, True, 30),
    ],
)
def test_frames_become_signals(
    shape: tuple[int, ...], center: bool, normalized: bool, length: int | None
) -> None:
    def build(x: Any, w: Any, size: Any, step: Any, *rest: Any) -> Any:
        return opset16.istft(x, w, size, step, center, normalized, *rest)

    stated = [] if length is None else [Known(np.int64(length))]
    window = Known(np.abs(draw(8)) + 1)
    check(build, [draw(*shape), window, Known(np.int64(8)), Known(np.int64(3)), *stated])


@pytest.mark.parametrize("merges", [True, False])
@pytest.mark.parametrize("is_open", [False, True], ids=["known sizes", "open sizes"])
def test_sequences_are_decoded(merges: bool, is_open: bool) -> None:
    scores = np.repeat(draw(12, 3, 4), 2, 0)[:15]
    mask = (np.arange(15)[:, None] < [15, 9, 0]).astype(np.float32)
    check(
        lambda x, m: opset1.ctc_greedy_decoder(x, m, merges),
        [scores, mask],
        {0: [-1, -1, 4], 1: [-1, -1]} if is_open else None,
    )
    lengths = np.array([15, 9, 0], np.int32)
    check(
        lambda x, n, *b: opset6.ctc_greedy_decoder_seq_len(x, n, *b, merge_repeated=merges),
        [scores.transpose(1, 0, 2), lengths, *([Known(np.array([1], np.int32))] * is_open)],
        {0: [-1, -1, 4], 1: [-1]} if is_open else None,
    )


@pytest.mark.parametrize(("steps", "is_open"), [(6, False), (6, True), (40, False)])
def test_beams_are_followed_back(steps: int, is_open: bool) -> None:
    tokens = _NUMBERS.integers(0, 12, (steps, 2, 3)).astype(np.int32)
    parents = _NUMBERS.integers(0, 3, (steps, 2, 3)).astype(np.int32)
    given = [tokens, parents, np.array([steps, steps - 2], np.int32), np.int32(5)]

    check(opset1.gather_tree, given, {0: [-1, -1, 3], 1: [-1, -1, 3]} if is_open else None)


@pytest.mark.parametrize("adjoint", [True, False])
@pytest.mark.parametrize("shape", [(3, 3), (2, 2, 5, 5)])
def test_matrices_are_inverted(shape: tuple[int, ...], adjoint: bool) -> None:
    check(lambda x: opset14.inverse(x, adjoint), [draw(*shape)])


def test_empty_rows_are_filled() -> None:
    indices = np.array([[3, 1], [1, 2], [1, 0], [5, 1]], np.int64)
    given = [draw(4), Known(np.array([7, 3], np.int64)), indices, Known(np.float32(9))]

    check(opset16.sparse_fill_empty_rows, given)


def planes(*shape: int, dtype: Any = np.uint8) -> Any:
    return _NUMBERS.integers(0, 256, shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(
    ("op", "shapes"),
    [
        (opset8.nv12_to_rgb, [(2, 12, 10, 1)]),
        (opset8.nv12_to_bgr, [(1, 8, 10, 1), (1, 4, 5, 2)]),
        (opset8.i420_to_rgb, [(2, 12, 10, 1)]),
        (opset8.i420_to_bgr, [(1, 8, 10, 1), (1, 4, 5, 1), (1, 4, 5, 1)]),
    ],
)
def test_colors_are_converted(op: Any, shapes: Any, dtype: Any) -> None:
    model, fed = make_model(op, [planes(*shape, dtype=dtype) for shape in shapes])
    ((made, wanted),) = run_both(model, fed)
    # Of numbers that end with a half, the last bit decides how they are rounded.
    assert made.shape == wanted.shape
    assert np.abs(made.astype(np.float32) - wanted).max() <= (1 if dtype == np.uint8 else 1e-3)
    assert np.isclose(made, wanted, atol=1e-3).mean() > 0.99


PRIORS = [
    {"min_size": [8.0, 16.0], "max_size": [20.0, 30.0], "aspect_ratio": [2.0, 3.0], "flip": True},
    {"min_size": [0.2, 0.4], "aspect_ratio": [2.0], "scale_all_sizes": False, "step": 0.3},
    {"min_size": [8.0], "max_size": [12.0], "aspect_ratio": [0.5], "step": 7.0, "offset": 0.3,
     "clip": True, "variance": [0.1, 0.1, 0.2, 0.2], "min_max_aspect_ratios_order": False},
    {"fixed_size": [16.0, 9.0], "density": [2.0, 1.0], "aspect_ratio": [2.0], "min_size": []},
    {"fixed_size": [16.0], "density": [2.0], "fixed_ratio": [0.5, 2.0], "min_size": [],
     "aspect_ratio": [3.0]},
]  # fmt: skip


@pytest.mark.parametrize("stated", PRIORS)
def test_priors_lie_around_cells(stated: dict[str, Any]) -> None:
    attributes = {
        name: np.array(value, np.float32) if isinstance(value, list) else value
        for name, value in {"offset": 0.5, "step": 0.0, **stated}.items()
    }

    def build(x: Any, image: Any) -> Any:
        ends = [numbers(n).array for n in (2, 4, 1)]
        sizes = [
            opset8.slice(opset1.shape_of(each), *map(opset1.constant, ends)) for each in (x, image)
        ]
        boxes = opset8.prior_box(*sizes, attributes)
        total = opset1.reduce_sum(opset1.multiply(x, opset1.constant(np.float32(0))), [0, 1, 2, 3])
        return opset1.add(boxes, total)

    check(build, [draw(1, 2, 3, 4), draw(1, 3, 30, 50)])


@pytest.mark.parametrize("stated", [{}, {"step": 8.0, "clip": False}, {"step_widths": 9.0}])
def test_clustered_priors_lie_around_cells(stated: dict[str, Any]) -> None:
    attributes = {
        "width": np.array([8.0, 30.0], np.float32), "height": np.array([12.0, 20.0], np.float32),
        "offset": 0.5, **stated,
    }  # fmt: skip
    if "step_widths" in attributes:
        attributes["step_heights"] = 5.0

    def build(x: Any) -> Any:
        sizes = [opset1.constant(np.array(each, np.int64)) for each in ((3, 4), (30, 50))]
        return opset1.add(opset8.prior_box_clustered(*sizes, attributes), x)

    check(build, [np.zeros(1, np.float32)])


@pytest.mark.parametrize("axes", [[1], [2, 3]])
@pytest.mark.parametrize("size", [3, 4])
def test_neighbours_normalize(axes: list[int], size: int) -> None:
    def build(x: Any, a: Any) -> Any:
        return opset1.lrn(x, a, alpha=0.5, beta=0.7, bias=2.0, size=size)

    check(build, [draw(2, 6, 7, 5), numbers(*axes)])


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_a_pool_says_where_the_largest_lie(axis: int) -> None:
    def build(x: Any) -> Any:
        return opset14.max_pool(
            x, [2, 1], [1, 1], [1, 0], [1, 1], [3, 2], index_element_type="i32", axis=axis
        )

    check(build, [draw(2, 3, 7, 6)])


@pytest.mark.parametrize("mode", ["bilinear_pillow", "bicubic_pillow"])
@pytest.mark.parametrize("size", [(4, 5), (15, 20), (5, 30)])
def test_pictures_are_resized_as_pillow_does(mode: str, size: tuple[int, int]) -> None:
    def build(x: Any, to: Any, axes: Any) -> Any:
        return opset11.interpolate(x, to, mode, "sizes", axes=axes, cube_coeff=-0.5)

    check(build, [draw(1, 2, 10, 13), numbers(*size), numbers(2, 3)])


@pytest.mark.parametrize("kind", ["f32", "i32"])
def test_random_numbers_are_within_their_limits(kind: str) -> None:
    def build(x: Any) -> Any:
        limits = [
            opset1.constant(np.array(n, np.float32 if kind == "f32" else np.int32)) for n in (2, 5)
        ]
        shape = opset1.constant(np.array([40, 50], np.int64))
        drawn = opset8.random_uniform(shape, *limits, kind)
        return opset1.add(opset1.convert(drawn, "f32"), x)

    model, fed = make_model(build, [np.zeros(1, np.float32)])
    ((made, _),) = run_both(model, fed)
    assert made.shape == (40, 50)
    assert 2 <= made.min() < 2.1
    assert (made.max() == 4) if kind == "i32" else (4.9 < made.max() < 5)


@pytest.mark.parametrize("replaces", [True, False])
def test_classes_are_drawn_by_their_chances(replaces: bool) -> None:
    def build(x: Any, count: Any) -> Any:
        return opset14.multinomial(x, count, "i64", replaces, False)

    chances = np.array([[0.0, 0.5, 0.5, 0.0], [0.7, 0.0, 0.0, 0.3]], np.float32)
    count = 50 if replaces else 2
    model, fed = make_model(build, [chances, Known(np.array([count], np.int32))])
    ((made, _),) = run_both(model, fed)
    assert made.shape == (2, count)
    assert set(made[0]) == {1, 2}
    assert set(made[1]) == {0, 3}
