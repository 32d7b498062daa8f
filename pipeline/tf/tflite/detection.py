"""Choices among boxes."""

from typing import Any

import numpy as np
import tensorflow as tf
from flatbuffers import flexbuffers

from pipeline.tf.tflite.call import Call, Table, rows


def _suppress_hard(call: Call) -> Any:
    indices, number = tf.raw_ops.NonMaxSuppressionV4(
        boxes=call.real(0),
        scores=call.real(1),
        max_output_size=_scalar(call, 2),
        iou_threshold=_scalar(call, 3),
        score_threshold=_scalar(call, 4),
        pad_to_max_output_size=True,
    )
    return [indices, number]


def _suppress_soft(call: Call) -> Any:
    most = _scalar(call, 2)
    indices, scores, _ = tf.raw_ops.NonMaxSuppressionV5(
        boxes=call.real(0),
        scores=call.real(1),
        max_output_size=most,
        iou_threshold=_scalar(call, 3),
        score_threshold=_scalar(call, 4),
        soft_nms_sigma=_scalar(call, 5),
        pad_to_max_output_size=False,
    )
    # TensorFlow.js has no third output of this op, and does not pad the others.
    number = tf.shape(indices)[0]
    rest = [[0, most - number]]
    return [tf.pad(indices, rest), tf.pad(scores, rest), number]


def _scalar(call: Call, index: int) -> Any:
    value = call.known(index)
    return tf.reshape(call.real(index), []) if value is None else value.reshape(())


def _post_process(call: Call) -> Any:
    """Decode boxes from anchors and choose among them, as detection_postprocess.cc does.

    The fast way: each box counts with its best classes. Places that no box fills hold zeros.
    """
    options = _options(call)
    if options.get("use_regular_nms"):
        raise call.refuse("it suppresses boxes of each class by itself (use_regular_nms)")
    most, per_box = options["max_detections"], options["max_classes_per_detection"]
    boxes = _decode(tf.convert_to_tensor(call.real(0))[0], call.real(2), options)
    num_classes = options["num_classes"]
    scores = tf.convert_to_tensor(call.real(1))[0]
    scores = scores[:, -num_classes:]  # a background stands first
    best = tf.reduce_max(scores, -1)
    chosen, number = tf.raw_ops.NonMaxSuppressionV4(
        boxes=boxes,
        scores=best,
        max_output_size=most,
        iou_threshold=options["nms_iou_threshold"],
        score_threshold=options["nms_score_threshold"],
        pad_to_max_output_size=True,
    )
    top, classes = tf.math.top_k(tf.gather(scores, chosen), per_box)
    there = tf.range(most) < number
    shown = tf.repeat(there, per_box) if per_box > 1 else there
    kept = tf.cast(shown, tf.float32)
    gathered = tf.gather(boxes, chosen)
    gathered = tf.repeat(gathered, per_box, 0) if per_box > 1 else gathered
    return [
        (gathered * kept[:, None])[None],
        (tf.cast(tf.reshape(classes, [-1]), tf.float32) * kept)[None],
        (tf.reshape(top, [-1]) * kept)[None],
        tf.cast(tf.reshape(number * per_box, [1]), tf.float32),
    ]


def _options(call: Call) -> dict[str, Any]:
    try:
        found: dict[str, Any] = flexbuffers.Loads(call.operator.custom_options)
        return {
            "detections_per_class": 100,
            "use_regular_nms": False,
            **found,
            **{
                name: int(found[name])
                for name in ("max_detections", "max_classes_per_detection", "num_classes")
            },
            **{
                name: np.float32(found[name])
                for name in (
                    "nms_iou_threshold",
                    "nms_score_threshold",
                    "y_scale",
                    "x_scale",
                    "h_scale",
                    "w_scale",
                )
            },
        }
    except Exception as error:  # the reader fails in any way it likes
        raise call.refuse(f"its options cannot be read ({type(error).__name__})") from error


def _decode(codes: Any, anchors: Any, options: dict[str, Any]) -> Any:
    """Return boxes y_min, x_min, y_max, x_max of centres and sizes relative to anchors."""
    codes = codes[:, :4]
    y = codes[:, 0] / options["y_scale"] * anchors[:, 2] + anchors[:, 0]
    x = codes[:, 1] / options["x_scale"] * anchors[:, 3] + anchors[:, 1]
    height = tf.exp(codes[:, 2] / options["h_scale"]) * anchors[:, 2] * 0.5
    width = tf.exp(codes[:, 3] / options["w_scale"]) * anchors[:, 3] * 0.5
    return tf.stack([y - height, x - width, y + height, x + width], -1)


ROWS: Table = rows(
    {
        "NON_MAX_SUPPRESSION_V4": _suppress_hard,
        "NON_MAX_SUPPRESSION_V5": _suppress_soft,
        "TFLite_Detection_PostProcess": _post_process,
    }
)
