"""Operations that choose among boxes, computed in `pipeline.tf.onnx.rules.openvino`."""

from typing import Any

import numpy as np

from pipeline.tf.openvino.layer import Layer, Table
from pipeline.tf.openvino.rules.elementwise import BEYOND


def emit_beyond(layer: Layer, **attributes: Any) -> list[str]:
    """Write the operator of an operation's own name; return the names of its values.

    Args:
        layer: The operation.
        attributes: Its attributes; lists become tuples.
    """
    given = {
        name: tuple(value) if isinstance(value, list | np.ndarray) else value
        for name, value in attributes.items()
    }
    return layer.emit_many(
        layer.op,
        layer.names,
        len(layer.outputs),
        domain=BEYOND,
        dtypes=[port.dtype for port in layer.outputs],
        **given,
    )


def _suppress(layer: Layer) -> list[str]:
    """NonMaxSuppression; before opset5 it returns no scores."""
    sigma = layer.known(5) if layer.has(5) else np.zeros(1)
    if sigma is None or np.ravel(sigma)[0] != 0:
        raise layer.refuse("it lowers scores by overlap, where TensorFlow.js drops equal boxes")
    return layer.emit_many(
        "NonMaxSuppression",
        layer.names[:5],
        3,
        domain=BEYOND,
        dtypes=[port.dtype for port in layer.outputs],
        is_center=int(str(layer.attribute("box_encoding", "corner")).lower() == "center"),
        sorts=int(bool(layer.attribute("sort_result_descending", True))),
    )[: len(layer.outputs)]


def _detect(layer: Layer) -> list[str]:
    code = str(layer.attribute("code_type")).lower()
    if not code.endswith(("corner", "center_size")):
        raise layer.refuse(f"its code_type is {code}")
    sizes = layer.outputs[0].sizes
    if sizes is None or sizes[2] is None:
        raise layer.refuse("the number of its detections is open")
    flag = {name: int(bool(layer.attribute(own, default))) for name, own, default in _FLAGS}
    return emit_beyond(
        layer,
        **flag,
        by_corners=int(code.endswith("corner")),
        top_k=int(layer.attribute("top_k", -1)),
        keep_top_k=int(np.ravel(layer.attribute("keep_top_k"))[0]),
        background=int(layer.attribute("background_label_id", 0)),
        confidence=float(layer.attribute("confidence_threshold", 0)),
        overlap=float(layer.attribute("nms_threshold")),
        objectness=float(layer.attribute("objectness_score", 0)),
        width=int(layer.attribute("input_width", 1)),
        height=int(layer.attribute("input_height", 1)),
        num_rows=sizes[2],
    )


_FLAGS = (
    ("normalized", "normalized", False),
    ("encodes_variance", "variance_encoded_in_target", False),
    ("shares", "share_location", True),
    ("clips_before", "clip_before_nms", False),
    ("clips_after", "clip_after_nms", False),
    ("by_best_class", "decrease_label_id", False),
)


def _propose(layer: Layer) -> list[str]:
    return emit_beyond(
        layer,
        is_tensorflow=int(str(layer.attribute("framework", "")).lower() == "tensorflow"),
        base_size=int(layer.attribute("base_size")),
        ratios=[float(n) for n in layer.attribute("ratio")],
        scales=[float(n) for n in layer.attribute("scale")],
        stride=int(layer.attribute("feat_stride")),
        min_size=int(layer.attribute("min_size")),
        coordinate_scale=float(layer.attribute("box_coordinate_scale", 1.0)),
        size_scale=float(layer.attribute("box_size_scale", 1.0)),
        clips_before=int(bool(layer.attribute("clip_before_nms", True))),
        clips_after=int(bool(layer.attribute("clip_after_nms", False))),
        normalizes=int(bool(layer.attribute("normalize", False))),
        pre_nms=int(layer.attribute("pre_nms_topn")),
        post_nms=int(layer.attribute("post_nms_topn")),
        overlap=float(layer.attribute("nms_thresh")),
    )[: len(layer.outputs)]


def _generate(layer: Layer) -> list[str]:
    return emit_beyond(
        layer,
        min_size=float(layer.attribute("min_size")),
        overlap=float(layer.attribute("nms_threshold")),
        pre_nms=int(layer.attribute("pre_nms_count")),
        post_nms=int(layer.attribute("post_nms_count")),
        normalized=int(bool(layer.attribute("normalized", True))),
    )


def _detect_by_class(layer: Layer) -> list[str]:
    if layer.attribute("class_agnostic_box_regression"):
        raise layer.refuse("its boxes do not depend on the class")
    return emit_beyond(
        layer,
        weights=[float(n) for n in layer.attribute("deltas_weights")],
        max_growth=float(layer.attribute("max_delta_log_wh")),
        most=int(layer.attribute("max_detections_per_image")),
        post_nms=int(layer.attribute("post_nms_count")),
        overlap=float(layer.attribute("nms_threshold")),
        least=float(layer.attribute("score_threshold")),
    )


def _rank_regions(layer: Layer) -> str:
    """ExperimentalDetectronTopKROIs: the regions of the highest chances."""
    most, count = int(layer.attribute("max_rois")), layer.sizes()[0]
    if count is None or count < most:
        raise layer.refuse(f"it returns {most} regions of {count or 'an open number'}")
    limit = layer.constant([most], "int64")
    _, places = layer.emit_many("TopK", [layer.names[1], limit], 2, axis=0, largest=1, sorted=1)
    return layer.emit("Gather", [layer.names[0], places], axis=0)


def _suppress_classes(layer: Layer) -> list[str]:
    if layer.has(2):
        raise layer.refuse("its images have numbers of boxes of their own")
    if float(layer.attribute("nms_eta", 1.0)) < 1:
        raise layer.refuse("its limit of overlap changes from box to box")
    return emit_beyond(
        layer,
        **_order_of(layer),
        overlap=float(layer.attribute("iou_threshold", 0)),
        sorts_images=1,
    )


def _order_of(layer: Layer) -> dict[str, Any]:
    """Return the attributes that MulticlassNms and MatrixNms share."""
    return {
        "order": str(layer.attribute("sort_result_type", "none")).lower(),
        "across": int(bool(layer.attribute("sort_result_across_batch", False))),
        "least": float(layer.attribute("score_threshold", 0)),
        "top_k": int(layer.attribute("nms_top_k", -1)),
        "keep_top_k": int(layer.attribute("keep_top_k", -1)),
        "background": int(layer.attribute("background_class", -1)),
        "normalized": int(bool(layer.attribute("normalized", True))),
    }


def _decay(layer: Layer) -> list[str]:
    return emit_beyond(
        layer,
        **_order_of(layer),
        is_gaussian=int(str(layer.attribute("decay_function", "linear")).lower() == "gaussian"),
        sigma=float(layer.attribute("gaussian_sigma", 2.0)),
        least_after=float(layer.attribute("post_threshold", 0)),
        sorts_images=0,
    )


RULES: Table = {
    "DetectionOutput": _detect,
    "ExperimentalDetectronDetectionOutput": _detect_by_class,
    "ExperimentalDetectronGenerateProposalsSingleImage": _generate,
    "ExperimentalDetectronTopKROIs": _rank_regions,
    "GenerateProposals": _generate,
    "MatrixNms": _decay,
    "MulticlassNms": _suppress_classes,
    "NonMaxSuppression": _suppress,
    "Proposal": _propose,
}
