"""Choices among boxes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from flatbuffers import flexbuffers

from pipeline.tf.tflite.call import Call, Table, rows
from pipeline.tf.tflite.tflite_model import SubGraph

# Below all scores.
_NO_SCORE = np.float32(-3e38)


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

    Places that no box fills hold zeros.
    """
    options = _options(call)
    boxes = _decode(tf.convert_to_tensor(call.real(0))[0], call.real(2), options)
    scores = tf.convert_to_tensor(call.real(1))[0]
    scores = scores[:, -options["num_classes"] :]  # a background stands first
    if options["use_regular_nms"]:
        if scores.shape[0] is None:
            raise call.refuse("the number of its boxes is open")
        return _choose_by_class(boxes, scores, options)
    return _choose_boxes(boxes, scores, options)


def _choose_boxes(boxes: Any, scores: Any, options: Mapping[str, Any]) -> list[Any]:
    """Choose among all boxes at once, the fast way: each counts with its best classes."""
    most, per_box = options["max_detections"], options["max_classes_per_detection"]
    chosen, number = _suppress(boxes, tf.reduce_max(scores, -1), most, options)
    top, classes = tf.math.top_k(tf.gather(scores, chosen), per_box)
    there = tf.range(most) < number
    shown = tf.repeat(there, per_box) if per_box > 1 else there
    gathered = tf.gather(boxes, chosen)
    gathered = tf.repeat(gathered, per_box, 0) if per_box > 1 else gathered
    return _list_boxes(gathered, tf.reshape(classes, [-1]), tf.reshape(top, [-1]), shown, number)


def _choose_by_class(boxes: Any, scores: Any, options: Mapping[str, Any]) -> list[Any]:
    """Choose among the boxes of each class by itself, and list the best of all."""
    num_classes, most = options["num_classes"], options["max_detections"]
    per_class = min(options["detections_per_class"], int(scores.shape[0]))
    found, values = [], []
    for number in range(num_classes):
        own = scores[:, number]
        chosen, count = _suppress(boxes, own, per_class, options)
        found.append(chosen)
        values.append(tf.where(tf.range(per_class) < count, tf.gather(own, chosen), _NO_SCORE))
    classes = np.repeat(np.arange(num_classes, dtype=np.int32), per_class)
    listed = min(most, len(classes))
    top, places = tf.math.top_k(tf.concat(values, 0), listed)
    # The outputs have room for more classes of a box than this way lists.
    rest = [[0, most * options["max_classes_per_detection"] - listed]]
    top = tf.pad(top, rest, constant_values=_NO_SCORE)
    places = tf.pad(places, rest)
    there = top > _NO_SCORE
    number = tf.reduce_sum(tf.cast(there, tf.int32))
    gathered = tf.gather(boxes, tf.gather(tf.concat(found, 0), places))
    return _list_boxes(gathered, tf.gather(classes, places), top, there, number)


def _suppress(boxes: Any, scores: Any, most: int, options: Mapping[str, Any]) -> Any:
    """Return the numbers of the boxes that are kept, and how many they are."""
    return tf.raw_ops.NonMaxSuppressionV4(
        boxes=boxes,
        scores=scores,
        max_output_size=most,
        iou_threshold=options["nms_iou_threshold"],
        score_threshold=options["nms_score_threshold"],
        pad_to_max_output_size=True,
    )


def _list_boxes(boxes: Any, classes: Any, scores: Any, there: Any, number: Any) -> list[Any]:
    """Return the outputs of the operator; `there` says which places are filled."""
    kept = tf.cast(there, tf.float32)
    return [
        (boxes * kept[:, None])[None],
        (tf.cast(classes, tf.float32) * kept)[None],
        (scores * kept)[None],
        tf.cast(tf.reshape(number, [1]), tf.float32),
    ]


def _options(call: Call) -> dict[str, Any]:
    try:
        found: dict[str, Any] = flexbuffers.Loads(call.operator.custom_options)
        return {
            "use_regular_nms": bool(found.get("use_regular_nms")),
            "detections_per_class": int(found.get("detections_per_class", 100)),
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


def blank_unfilled(graph: SubGraph, outputs: Mapping[int, Any]) -> None:
    """Set places to zero that no box fills: the kernel leaves there what the memory held before.

    Args:
        graph: A graph that has run.
        outputs: Its outputs by number, which are changed.
    """
    for operator in graph.operators:
        if operator.name != "TFLite_Detection_PostProcess":
            continue
        *lists, count = (outputs.get(number) for number in operator.outputs)
        options = flexbuffers.Loads(operator.custom_options)
        per_box = 1 if options.get("use_regular_nms") else options["max_classes_per_detection"]
        for values in lists:
            if values is not None and count is not None:
                values[:, int(count[0]) * per_box :] = 0


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
