"""Detection: the boxes found in an image, compared as a set.

Boxes of the reference are matched to boxes found as COCO and PASCAL VOC match detections to the
truth: in order of the reference's scores, each with the best box left whose intersection over
union is at least one half; here a box of the same class goes first, because suppression keeps
boxes of several classes at one place. A pair agrees when class, score and place agree. The
figure is the Dice coefficient of the two sets, 2 m / (n + k).

A list may be cut at a number of boxes or at a score, and rounding may then exchange its last
boxes. So a box without a partner does not count if its score is within the limit of the lowest
score of its list. This module opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.proof.judge.fidelity import Array

MIN_IOU = 0.5


@dataclass(frozen=True, kw_only=True)
class Detections:
    """The boxes found in one image.

    Attributes:
        boxes: float64 (boxes, 4), as in the output.
        corners: The same as two corners, smaller values first.
        scores: float64 (boxes,).
        classes: (boxes,), or None if the model knows one class only.
    """

    boxes: Array
    corners: Array
    scores: Array
    classes: Array | None


@dataclass(frozen=True, kw_only=True)
class DetectionLimits:
    """The largest differences of two boxes that agree.

    Attributes:
        box: Largest difference of a coordinate, in the unit of the boxes.
        score: Largest difference of scores.
    """

    box: float
    score: float


@dataclass(frozen=True, kw_only=True)
class DetectionFigures:
    """Figures of the outputs of a detector, over all images of all vectors.

    Attributes:
        num_reference: Boxes of the reference.
        num_found: Boxes found.
        num_borderline: Boxes of either list without a partner that do not count.
        num_matched: Pairs of boxes that overlap.
        num_agreeing: Pairs that agree.
        num_same_class: Pairs of one class.
        mean_iou: Mean over the pairs; None without pairs, as are the next three.
        min_iou: Smallest over the pairs.
        max_score_difference: Largest over the pairs.
        max_box_difference: Largest over the coordinates of the pairs.
    """

    num_reference: int
    num_found: int
    num_borderline: int
    num_matched: int
    num_agreeing: int
    num_same_class: int
    mean_iou: float | None
    min_iou: float | None
    max_score_difference: float | None
    max_box_difference: float | None

    @property
    def agreement(self) -> float:
        """Share of boxes that agree; 1 without any boxes, 0 if none of them counts."""
        if not self.num_reference and not self.num_found:
            return 1.0
        counted = self.num_reference + self.num_found - self.num_borderline
        return 2 * self.num_agreeing / counted if counted else 0.0

    def figures(self) -> dict[str, float | int | None]:
        """Return the figures by their names in the catalog."""
        matched = self.num_matched
        return {
            "boxes": self.num_reference,
            "boxesFound": self.num_found,
            "agreement": self.agreement,
            "matched": matched / self.num_reference if self.num_reference else None,
            "meanIou": self.mean_iou,
            "minIou": self.min_iou,
            "classAgreement": self.num_same_class / matched if matched else None,
            "maxScoreDifference": self.max_score_difference,
            "maxBoxDifference": self.max_box_difference,
        }


def read_detections(tensors: Mapping[str, Array], *, form: str | None = None) -> list[Detections]:
    """Return the detections of each image in the outputs of a detector.

    Rows beyond `count`, and rows of zeros at the end, are padding.

    Args:
        tensors: By role: `boxes` (boxes, 4) or (images, boxes, 4); `scores` without its last
            axis, or with an axis of classes in its place, of which the largest counts; `classes`
            as scores without it, optional; `count` (images,) or a scalar, optional.
        form: Meaning of a box's four numbers: "centre" and size, or two corners. Whether x or
            y comes first does not matter for an overlap.

    Raises:
        ValueError: The shapes do not fit together.
    """
    boxes = np.asarray(tensors["boxes"], np.float64)
    if boxes.ndim < 2 or boxes.shape[-1] != 4:  # noqa: PLR2004  # a box has four numbers
        raise ValueError(f"boxes have shape {boxes.shape}; expected a last axis of 4")
    num_boxes = boxes.shape[-2]
    boxes = boxes.reshape(-1, num_boxes, 4)
    images = len(boxes)
    scores, classes = _read_scores(tensors, images, num_boxes)
    counts = _read_counts(tensors, images, num_boxes)
    return [
        _trim(
            boxes[image, : counts[image]],
            scores[image, : counts[image]],
            None if classes is None else classes[image, : counts[image]],
            form,
        )
        for image in range(images)
    ]


def _read_scores(
    tensors: Mapping[str, Array], images: int, num_boxes: int
) -> tuple[Array, Array | None]:
    scores = np.asarray(tensors["scores"], np.float64)
    rows = images * num_boxes
    if rows and scores.size % rows:
        raise ValueError(f"scores have shape {scores.shape}; expected one for each box")
    scores = scores.reshape(images, num_boxes, scores.size // rows if rows else 1)
    classes = tensors.get("classes")
    if classes is None:
        best = scores.argmax(axis=-1) if scores.shape[-1] > 1 else None
    elif classes.size != rows:
        raise ValueError(f"classes have shape {classes.shape}; expected one for each box")
    else:
        best = classes.reshape(images, num_boxes)
    return scores.max(axis=-1), best


def _read_counts(tensors: Mapping[str, Array], images: int, num_boxes: int) -> list[int]:
    if "count" not in tensors:
        return [num_boxes] * images
    counts = np.asarray(tensors["count"], np.float64).reshape(-1)
    if counts.size != images or not np.isfinite(counts).all():
        raise ValueError(f"count has {counts.size} values; expected {images}, one for each image")
    return [int(np.clip(np.rint(count), 0, num_boxes)) for count in counts]


def _trim(boxes: Array, scores: Array, classes: Array | None, form: str | None) -> Detections:
    used = np.flatnonzero((scores != 0) | (boxes != 0).any(axis=1))
    end = int(used[-1]) + 1 if used.size else 0
    boxes = boxes[:end]
    return Detections(
        boxes=boxes,
        corners=_as_corners(boxes, form),
        scores=scores[:end],
        classes=None if classes is None else classes[:end],
    )


def _as_corners(boxes: Array, form: str | None) -> Array:
    if form == "centre":
        half = boxes[:, 2:] / 2
        boxes = np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)
    return np.concatenate(
        [np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1
    )


def overlap(first: Array, second: Array, *, near: float = 0.0) -> Array:
    """Return the intersection over union of each box of one list with each box of another.

    Args:
        first: (n, 4) corners, smaller values first.
        second: (k, 4), likewise.

        near: Largest difference of coordinates of two boxes that are one place.

    Returns:
        float64 (n, k), 0 to 1; a box that is no wider or higher than `near` and a box at its place
        have 1, because rounding may part them.
    """
    first, second = np.nan_to_num(first), np.nan_to_num(second)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    intersection = np.prod(np.clip(high - low, 0.0, None), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None, :] - intersection
    iou = intersection / np.where(union > 0, union, 1.0)
    thin = [(boxes[:, 2:] - boxes[:, :2]).min(axis=1) <= near for boxes in (first, second)]
    there = (np.abs(first[:, None] - second[None]) <= near).all(axis=2)
    overlaps: Array = np.where((thin[0][:, None] | thin[1][None, :]) & there, 1.0, iou)
    return overlaps


def match_boxes(
    reference: Detections, found: Detections, *, near: float = 0.0
) -> list[tuple[int, int, float]]:
    """Return pairs of boxes, each as index in the reference, index found, and overlap."""
    iou = overlap(reference.corners, found.corners, near=near)
    free = np.ones(len(found.scores), bool)
    pairs = []
    for i in np.argsort(-reference.scores, kind="stable"):
        candidates = np.flatnonzero(free & (iou[i] >= MIN_IOU))
        if not candidates.size:
            continue
        same = _same_class(reference, found, int(i), candidates)
        # Of equal overlaps the nearest score wins: suppression may keep one box for two anchors.
        nearness = -np.abs(found.scores[candidates] - reference.scores[i])
        j = int(candidates[np.lexsort((nearness, iou[i, candidates], same))[-1]])
        free[j] = False
        pairs.append((int(i), j, float(iou[i, j])))
    return pairs


def _same_class(reference: Detections, found: Detections, i: int, candidates: Array) -> Array:
    if reference.classes is None or found.classes is None:
        return np.ones(len(candidates), bool)
    same: Array = found.classes[candidates] == reference.classes[i]
    return same


def compare_detections(
    reference: Sequence[Detections], found: Sequence[Detections], limits: DetectionLimits
) -> DetectionFigures:
    """Compare the boxes found in images with the reference's boxes."""
    ious: list[float] = []
    score_differences: list[float] = []
    box_differences: list[float] = []
    same_class: list[bool] = []
    borderline = 0
    for expected, actual in zip(reference, found, strict=True):
        pairs = match_boxes(expected, actual, near=limits.box)
        for i, j, iou in pairs:
            ious.append(iou)
            score_differences.append(float(abs(expected.scores[i] - actual.scores[j])))
            box_differences.append(float(np.abs(expected.boxes[i] - actual.boxes[j]).max()))
            same_class.append(bool(_same_class(expected, actual, i, np.array([j]))[0]))
        borderline += _count_borderline(expected, [i for i, _, _ in pairs], limits)
        borderline += _count_borderline(actual, [j for _, j, _ in pairs], limits)
    agreeing = (
        same and score <= limits.score and box <= limits.box
        for same, score, box in zip(same_class, score_differences, box_differences, strict=True)
    )
    return DetectionFigures(
        num_reference=sum(len(image.scores) for image in reference),
        num_found=sum(len(image.scores) for image in found),
        num_borderline=borderline,
        num_matched=len(ious),
        num_agreeing=sum(agreeing),
        num_same_class=sum(same_class),
        mean_iou=sum(ious) / len(ious) if ious else None,
        min_iou=min(ious, default=None),
        max_score_difference=max(score_differences, default=None),
        max_box_difference=max(box_differences, default=None),
    )


def _count_borderline(image: Detections, matched: Sequence[int], limits: DetectionLimits) -> int:
    """Count boxes without a partner whose score is near the lowest of the list."""
    if not image.scores.size:
        return 0
    lone = np.delete(image.scores, matched)
    return int((lone <= image.scores.min() + limits.score).sum())
