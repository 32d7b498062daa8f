"""Operations that choose among boxes, against OpenVINO."""

from typing import Any

import numpy as np
import pytest
from openvino import opset1, opset3, opset4, opset5, opset8, opset9
from openvino_graphs import Known, create, make_model, run_both

pytestmark = pytest.mark.tensorflow

_NUMBERS = np.random.default_rng(11)


def chances(*shape: int) -> Any:
    """Return scores of which no two are equal."""
    count = int(np.prod(shape))
    made = (_NUMBERS.permutation(count) + 0.5) / count
    return made.reshape(shape).astype(np.float32)


def boxes(*shape: int, scale: float = 1.0) -> Any:
    """Return boxes x, y, x, y, many of which overlap."""
    near = _NUMBERS.uniform(0, 0.7, (*shape, 2))
    size = _NUMBERS.uniform(0.1, 0.4, (*shape, 2))
    return (np.concatenate([near, near + size], -1) * scale).astype(np.float32)


def draw(*shape: int, scale: float = 0.3) -> Any:
    return _NUMBERS.normal(0, scale, shape).astype(np.float32)


def check(build: Any, inputs: Any, shapes: Any = None) -> None:
    model, fed = make_model(build, inputs, shapes=shapes)
    for made, wanted in run_both(model, fed):
        assert made.shape == wanted.shape
        np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-5)


def suppression(opset: Any, name: str = "", **attributes: Any) -> Any:
    def build(b: Any, s: Any, most: Any, overlap: Any, least: Any) -> Any:
        return opset.non_max_suppression(b, s, most, overlap, least, **attributes)

    return pytest.param(build, id=f"{opset.__name__.split('.')[-1]} {name}".strip())


SUPPRESSIONS = [
    suppression(opset1),
    suppression(opset3, output_type="i32"),
    suppression(opset4, "in order", sort_result_descending=False),
    suppression(opset5, "center", box_encoding="center"),
    suppression(opset9, "in order", sort_result_descending=False),
    suppression(opset9, "int32", output_type="i32"),
]


@pytest.mark.parametrize(
    ("sizes", "is_open"),
    [((2, 9, 3), False), ((1, 30, 40), True)],
    ids=["known sizes", "open sizes, many rows"],
)
@pytest.mark.parametrize("build", SUPPRESSIONS)
def test_boxes_that_overlap_are_left_out(
    build: Any, is_open: bool, sizes: tuple[int, int, int]
) -> None:
    images, count, classes = sizes
    limits = (Known(np.int64(4)), Known(np.float32(0.3)), Known(np.float32(0.2)))
    inputs = (boxes(images, count), chances(images, classes, count), *limits)

    check(build, inputs, {0: [-1, -1, 4], 1: [-1, -1, -1]} if is_open else None)


def detection(name: str, images: int = 1, inputs: int = 3, **stated: Any) -> Any:
    attributes = {
        "background_label_id": 0, "top_k": 6, "variance_encoded_in_target": False,
        "keep_top_k": [7], "code_type": "caffe.PriorBoxParameter.CENTER_SIZE",
        "share_location": True, "nms_threshold": 0.45, "confidence_threshold": 0.3,
        "clip_after_nms": False, "clip_before_nms": False, "decrease_label_id": False,
        "normalized": True, "input_height": 1, "input_width": 1, "objectness_score": 0.0,
    } | stated  # fmt: skip
    return pytest.param(attributes, images, inputs, id=name)


DETECTIONS = [
    detection("CENTER_SIZE"),
    detection("CORNER", code_type="caffe.PriorBoxParameter.CORNER", images=2),
    detection("all that are chosen", keep_top_k=[-1], images=3),
    detection("more than there are", keep_top_k=[50], top_k=100),
    detection("a box of each class", share_location=False, images=2),
    detection("with variances applied", variance_encoded_in_target=True),
    detection("clipped before", clip_before_nms=True),
    detection("clipped after", clip_after_nms=True),
    detection("no background", background_label_id=-1),
    detection("in pixels", normalized=False, input_height=30, input_width=50),
    detection("by best class", decrease_label_id=True, images=2),
    detection("with objects", inputs=5, objectness_score=0.4, images=2),
    detection("with objects, clipped", inputs=5, clip_before_nms=True),
]


@pytest.mark.parametrize(("attributes", "images", "inputs"), DETECTIONS)
def test_detections_are_listed(attributes: dict[str, Any], images: int, inputs: int) -> None:
    priors, classes = 12, 4
    kinds = 1 if attributes["share_location"] else classes
    size = 4 if attributes["normalized"] else 5
    shape = (1, 1 if attributes["variance_encoded_in_target"] else 2, priors, size)
    stated = np.full(shape, 0.1, np.float32)
    stated[:, 0, :, size - 4 :] = boxes(priors, scale=1 if size == 4 else 30)
    given = [
        draw(images, priors * kinds * 4),
        chances(images, priors * classes),
        stated.reshape(1, shape[1], -1),
        chances(images, priors * 2),
        draw(images, priors * kinds * 4),
    ]
    attributes["keep_top_k"] = np.array(attributes["keep_top_k"], np.int32)

    def build(*nodes: Any) -> Any:
        named = dict(zip(("aux_class_preds", "aux_box_preds"), nodes[3:], strict=False))
        return opset8.detection_output(*nodes[:3], attributes, **named)

    check(build, given[:inputs])


def proposal(name: str, images: int = 1, opset: Any = opset4, **stated: Any) -> Any:
    attributes = {
        "base_size": np.uint32(16), "pre_nms_topn": np.uint32(40), "post_nms_topn": np.uint32(20),
        "nms_thresh": 0.5, "feat_stride": np.uint32(16), "min_size": np.uint32(6),
        "ratio": np.array([0.5, 1.0, 2.0]), "scale": np.array([1.0, 2.5]), "framework": "",
    } | stated  # fmt: skip
    return pytest.param(attributes, images, opset, id=name)


PROPOSALS = [
    proposal("Caffe"),
    proposal("of opset1", opset=opset1, images=2),
    proposal("TensorFlow", framework="tensorflow", images=2),
    # Of the chances, OpenVINO leaves what no region fills as it is.
    proposal("more than there are", post_nms_topn=np.uint32(100), opset=opset1),
    proposal("clipped after", clip_before_nms=False, clip_after_nms=True),
    proposal("normalized", normalize=True),
    proposal("scaled", box_size_scale=5.0, box_coordinate_scale=10.0),
]


@pytest.mark.parametrize(("attributes", "images", "opset"), PROPOSALS)
def test_regions_are_proposed(attributes: dict[str, Any], images: int, opset: Any) -> None:
    given = [
        chances(images, 12, 4, 5),
        draw(images, 24, 4, 5),
        np.array([64, 80, 1.5], np.float32),
    ]

    check(lambda *nodes: opset.proposal(*nodes, attributes), given)


@pytest.mark.parametrize("normalized", [True, False])
def test_proposals_are_generated(normalized: bool) -> None:
    attributes = {
        "min_size": 5.0, "nms_threshold": 0.4, "pre_nms_count": 30, "post_nms_count": 9,
        "normalized": normalized,
    }  # fmt: skip
    info = np.array([[40, 50, 1.1], [30, 50, 0.9]], np.float32)
    given = [info, boxes(3, 4, 5, scale=50), draw(2, 20, 3, 4), chances(2, 5, 3, 4)]

    def build(*nodes: Any) -> Any:
        return opset9.generate_proposals(*nodes, **attributes)

    check(build, given)


@pytest.mark.parametrize("post", [6, 30])
def test_proposals_of_an_image_are_generated(post: int) -> None:
    attributes = {
        "min_size": 5.0, "nms_threshold": 0.4, "pre_nms_count": 30, "post_nms_count": post,
    }  # fmt: skip
    info = np.array([40, 50, 1], np.float32)
    given = [info, boxes(60, scale=50), draw(20, 3, 4), chances(5, 3, 4)]

    def build(*nodes: Any) -> Any:
        name = "ExperimentalDetectronGenerateProposalsSingleImage"
        return create(name, nodes, opset=6, **attributes)

    check(build, given)


@pytest.mark.parametrize("most", [5, 60])
def test_regions_are_classified(most: int) -> None:
    attributes = {
        "score_threshold": 0.3, "nms_threshold": 0.4, "num_classes": 4, "post_nms_count": 6,
        "max_detections_per_image": most, "max_delta_log_wh": 0.2,
        "deltas_weights": np.array([10.0, 10.0, 5.0, 5.0], np.float32),
    }  # fmt: skip
    given = [
        boxes(20, scale=50), draw(20, 16, scale=2), chances(20, 4),
        np.array([[40, 50, 1]], np.float32),
    ]  # fmt: skip

    def build(*nodes: Any) -> Any:
        return create("ExperimentalDetectronDetectionOutput", nodes, opset=6, **attributes)

    check(build, given)


def test_the_best_regions_are_kept() -> None:
    def build(regions: Any, scores: Any) -> Any:
        name = "ExperimentalDetectronTopKROIs"
        return create(name, [regions, scores], opset=6, max_rois=4)

    check(build, [boxes(12), chances(12)])


@pytest.mark.parametrize(
    ("stated", "order", "across"),
    [
        pytest.param({}, "score", True, id="all"),
        pytest.param({"nms_top_k": 5, "keep_top_k": 6}, "none", False, id="the best"),
        pytest.param({"nms_top_k": 5, "keep_top_k": 6}, "classid", True, id="across images"),
        pytest.param({"background_class": 1, "normalized": False}, "classid", False, id="pixels"),
    ],
)
@pytest.mark.parametrize("op", ["multiclass_nms", "matrix_nms", "gaussian"])
def test_boxes_of_classes_are_chosen(op: str, stated: Any, order: str, across: bool) -> None:
    attributes = {
        "sort_result_type": order, "sort_result_across_batch": across, "score_threshold": 0.2,
        **stated,
    }  # fmt: skip
    if op == "multiclass_nms":
        attributes["iou_threshold"] = 0.3
    else:
        attributes |= {"post_threshold": 0.25, "decay_function": "linear"}
    if op == "gaussian":
        attributes |= {"decay_function": "gaussian", "gaussian_sigma": 1.5}
    make = opset8.multiclass_nms if op == "multiclass_nms" else opset8.matrix_nms
    scale = 1.0 if attributes.get("normalized", True) else 50.0

    check(lambda b, s: make(b, s, **attributes), [boxes(2, 10, scale=scale), chances(2, 3, 10)])
