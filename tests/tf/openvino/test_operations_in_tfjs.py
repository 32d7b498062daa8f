"""Operations of OpenVINO in TensorFlow.js, on cpu and wasm, against OpenVINO on the CPU."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import openvino
import pytest
from openvino import opset1, opset6, opset8, opset9, opset14, opset16
from openvino_graphs import Known, convert_file, make_model, run_file, run_in_child
from run_cases import read_outputs, run_folders, write_inputs

pytestmark = pytest.mark.tensorflow

_NUMBERS = np.random.default_rng(21)


def draw(*shape: int) -> Any:
    return _NUMBERS.normal(0, 0.3, shape).astype(np.float32)


def chances(*shape: int) -> Any:
    count = int(np.prod(shape))
    return ((_NUMBERS.permutation(count) + 0.5) / count).reshape(shape).astype(np.float32)


def boxes(*shape: int, scale: float = 1.0) -> Any:
    near = _NUMBERS.uniform(0, 0.7, (*shape, 2))
    size = _NUMBERS.uniform(0.1, 0.4, (*shape, 2))
    return (np.concatenate([near, near + size], -1) * scale).astype(np.float32)


_DETECTION = {
    "background_label_id": 0, "top_k": 6, "keep_top_k": np.array([7], np.int32),
    "code_type": "caffe.PriorBoxParameter.CENTER_SIZE", "share_location": True,
    "nms_threshold": 0.45, "confidence_threshold": 0.3, "normalized": True,
}  # fmt: skip
_PROPOSAL = {
    "base_size": np.uint32(16), "pre_nms_topn": np.uint32(40), "post_nms_topn": np.uint32(20),
    "nms_thresh": 0.5, "feat_stride": np.uint32(16), "min_size": np.uint32(6),
    "ratio": np.array([0.5, 1.0, 2.0]), "scale": np.array([1.0, 2.5]),
}  # fmt: skip


def suppress(b: Any, s: Any) -> Any:
    """Choose boxes; some overlap by the limit itself."""
    limits = [opset1.constant(each) for each in (np.int64(5), np.float32(0.5), np.float32(0.1))]
    return opset9.non_max_suppression(b, s, *limits)


def priors(*shape: int) -> Any:
    made = np.full((1, 2, *shape, 4), 0.1, np.float32)
    made[:, 0] = boxes(*shape)
    return made.reshape(1, 2, -1)


def at_limits() -> Any:
    """Return boxes of which one covers half of another."""
    return np.array([[[0, 0, 1, 1], [0, 0, 1, 0.5], [0.2, 0, 1, 1], [2, 2, 3, 3]]], np.float32)


def decode(scores: Any, lengths: Any) -> Any:
    return opset6.ctc_greedy_decoder_seq_len(scores, lengths)


CASES: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "suppression": (suppress, [at_limits(), chances(1, 2, 4)]),
    "suppression of many": (suppress, [boxes(1, 9), chances(1, 40, 9)]),
    "detection": (
        lambda *nodes: opset8.detection_output(*nodes, _DETECTION),
        [draw(2, 48), chances(2, 48), priors(12)],
    ),
    "proposal": (
        lambda *nodes: opset8.proposal(*nodes, _PROPOSAL),
        [chances(1, 12, 4, 5), draw(1, 24, 4, 5), np.array([64, 80, 1.5], np.float32)],
    ),
    "matrix": (
        lambda b, s: opset8.matrix_nms(b, s, score_threshold=0.2, keep_top_k=9),
        [boxes(2, 10), chances(2, 3, 10)],
    ),
    "classes": (
        lambda b, s: opset8.multiclass_nms(
            b, s, sort_result_type="classid", iou_threshold=0.3, score_threshold=0.2, nms_top_k=6
        ),
        [boxes(2, 10), chances(2, 3, 10)],
    ),
    "generated": (
        lambda *nodes: opset9.generate_proposals(*nodes, 5.0, 0.4, 30, 9),
        [
            np.array([[40, 50, 1.1]], np.float32), boxes(3, 4, 5, scale=50), draw(1, 20, 3, 4),
            chances(1, 5, 3, 4),
        ],
    ),
    "aligned": (
        lambda x, r, n: opset9.roi_align(x, r, n, 3, 2, 2, 0.5, "max", "half_pixel"),
        [draw(2, 3, 9, 11), boxes(5, scale=20), np.arange(5) % 2],
    ),
    "pooled": (
        lambda x, r: opset8.roi_pooling(x, r, [3, 2], 0.5, "max"),
        [draw(2, 3, 9, 11), np.concatenate([[[0], [1], [1]], boxes(3, scale=20)], 1, dtype="f4")],
    ),
    "by place": (
        lambda x, r: opset8.psroi_pooling(x, r, 2, 3, 0.5, 1, 1, "average"),
        [draw(2, 18, 9, 11), np.concatenate([[[0], [1], [1]], boxes(3, scale=20)], 1, dtype="f4")],
    ),
    "shifted": (
        lambda x, r, o: opset8.deformable_psroi_pooling(
            x, r, 4, 0.5, 3, "bilinear_deformable", 2, 4, 0.2, 3, offsets=o
        ),
        [
            draw(1, 36, 9, 11), np.concatenate([[[0], [0]], boxes(2, scale=20)], 1, dtype="f4"),
            draw(2, 2, 3, 3),
        ],
    ),
    "spectrum": (
        opset9.rdft, [draw(2, 5, 6), Known(np.array([1, 2], np.int64))],
    ),
    "frames": (
        lambda x, w, size, step: opset16.istft(x, w, size, step, True, False),
        [
            draw(1, 5, 6, 2), Known(np.abs(draw(8)) + 1), Known(np.int64(8)), Known(np.int64(3)),
        ],
    ),
    "decoded": (decode, [draw(2, 9, 4), np.array([9, 5], np.int32)]),
    "beams": (
        opset1.gather_tree,
        [
            _NUMBERS.integers(0, 9, (6, 2, 3)).astype(np.int32),
            _NUMBERS.integers(0, 3, (6, 2, 3)).astype(np.int32),
            np.array([6, 4], np.int32), Known(np.int32(5)),
        ],
    ),
    "beams in a loop": (
        opset1.gather_tree,
        [
            _NUMBERS.integers(0, 9, (36, 2, 3)).astype(np.int32),
            _NUMBERS.integers(0, 3, (36, 2, 3)).astype(np.int32),
            np.array([36, 14], np.int32), Known(np.int32(5)),
        ],
    ),
    "inverse": (lambda x: opset14.inverse(x, adjoint=False), [draw(2, 4, 4)]),
    "filled": (
        opset16.sparse_fill_empty_rows,
        [
            draw(4), Known(np.array([7, 3], np.int64)),
            np.array([[3, 1], [1, 2], [1, 0], [5, 1]], np.int64), Known(np.float32(9)),
        ],
    ),
    "colors": (opset8.nv12_to_rgb, [_NUMBERS.integers(0, 256, (1, 12, 10, 1)).astype(np.uint8)]),
}  # fmt: skip

_BACKENDS = ("cpu", "wasm")
Outcome = dict[str, dict[str, list[tuple[Any, Any]]]]


def make_all() -> tuple[openvino.Model, dict[str, Any], dict[str, int]]:
    """Return one model of all cases, what it is run on, and how many outputs each case has."""
    results, parameters, given, counts = [], [], {}, {}
    for name, (build, inputs) in CASES.items():
        model, fed = make_model(build, inputs)
        for parameter in model.get_parameters():
            own = f"{name}/{parameter.get_friendly_name()}"
            given[own] = fed[parameter.get_friendly_name()]
            parameter.set_friendly_name(own)
            parameter.output(0).set_names({own})
            parameters.append(parameter)
        counts[name] = len(model.outputs)
        results += model.get_results()
    return openvino.Model(results, parameters, "cases"), given, counts


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Return by backend and case what TensorFlow.js made, beside what OpenVINO made."""
    root = tmp_path_factory.mktemp("cases")
    model, given, counts = make_all()
    openvino.save_model(model, root / "model.xml", compress_to_fp16=False)
    (root / "made").mkdir()
    run_in_child(convert_file, root / "model.xml", root / "made")
    held = {key: a.astype(np.int32) if a.dtype.kind in "iu" else a for key, a in given.items()}
    write_inputs(root / "made", held)
    expected = [wanted for _, wanted in run_in_child(run_file, root / "model.xml", given)]
    run_folders([root / "made"], _BACKENDS)
    made: Outcome = {}
    for backend in _BACKENDS:
        pairs = iter(zip(read_outputs(root / "made", backend).values(), expected, strict=True))
        made[backend] = {
            name: list(itertools.islice(pairs, count)) for name, count in counts.items()
        }
    return made


@pytest.mark.parametrize("backend", _BACKENDS)
@pytest.mark.parametrize("name", CASES)
def test_tensorflow_js_computes_what_openvino_computes(
    outcome: Outcome, name: str, backend: str
) -> None:
    for made, wanted in outcome[backend][name]:
        assert made.shape == wanted.shape
        np.testing.assert_allclose(made, wanted, rtol=1e-3, atol=1e-4)
