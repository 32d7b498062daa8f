"""Classification: whether two outputs name the same class, per sample or per pixel.

It opens no file.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.proof.judge.fidelity import Array

TOP = 5

# A probability of 0.5; values outside 0..1 are logits, for which it is 0.
_HALF = 0.5


def compare_classes(reference: Sequence[Array], found: Sequence[Array]) -> dict[str, float | int]:
    """Compare the classes that two outputs name.

    `top1Agreement` is the share of samples with the same best class; if the reference has several
    best classes, any of them agrees. A sample with NaN in the reference is left out.
    `top5Agreement` is the share whose best class of the reference is among the five best found, as
    ILSVRC counts top-5 (Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge",
    2015); it is left out for five classes or fewer, since it is always 1 then.

    Args:
        reference: Scores or logits on each vector; the last axis is the classes.
        found: The same, in equal shapes.

    Returns:
        The figures and `samples`; empty without classes to choose from.
    """
    rows = [_known(_as_samples(r), _as_samples(a)) for r, a in zip(reference, found, strict=True)]
    num_classes = min((r.shape[1] for r, _ in rows), default=0)
    samples = sum(len(r) for r, _ in rows)
    if num_classes <= 1 or not samples:
        return {}
    top = [_count_tops(r, a) for r, a in rows]
    figures: dict[str, float | int] = {
        "samples": samples,
        "top1Agreement": sum(first for first, _ in top) / samples,
    }
    if num_classes > TOP:
        figures["top5Agreement"] = sum(five for _, five in top) / samples
    return figures


def _count_tops(reference: Array, found: Array) -> tuple[int, int]:
    """Count the samples that agree in the best class, and in the five best."""
    best = reference.max(axis=1, keepdims=True) == reference
    order = np.argsort(-found, axis=1, kind="stable")
    hits = np.take_along_axis(best, order[:, :TOP], axis=1)
    return int(hits[:, 0].sum()), int(hits.any(axis=1).sum())


def _known(reference: Array, found: Array) -> tuple[Array, Array]:
    known = ~np.isnan(reference).any(axis=1)
    return reference[known], found[known]


def _as_samples(array: Array) -> Array:
    classes = array.shape[-1] if array.ndim else 1
    samples = array.size // classes if classes else 0
    return array.astype(np.float64).reshape(samples, classes)


def compare_masks(
    reference: Sequence[Array], found: Sequence[Array], *, like: Sequence[Array] | None = None
) -> dict[str, float | int]:
    """Compare the areas that two masks cover.

    `pixelAgreement` is the share of pixels of the same class; `meanIou` the mean over classes of
    intersection over union, the mean IU of Long, Shelhamer and Darrell, "Fully Convolutional
    Networks for Semantic Segmentation" (2015), over classes that occur in either.

    Args:
        reference: Masks on each vector, channels last. One channel is cut at 0.5 (at 0 if the
            reference's values are logits); of several channels the largest wins. Whole numbers and
            booleans are the classes themselves.
        found: The same, in equal shapes.
        like: Masks whose values show whether they are logits; None for the reference's.
    """
    cut = _find_cut(reference if like is None else like)
    intersections: dict[int, int] = {}
    unions: dict[int, int] = {}
    pixels = equal = 0
    for r, a in zip(reference, found, strict=True):
        expected, actual = _as_labels(r, cut), _as_labels(a, cut)
        pixels += expected.size
        equal += int((expected == actual).sum())
        for label in (int(one) for one in np.union1d(expected, actual)):
            here, there = expected == label, actual == label
            intersections[label] = intersections.get(label, 0) + int((here & there).sum())
            unions[label] = unions.get(label, 0) + int((here | there).sum())
    if not pixels:
        return {}
    ious = [intersections[label] / union for label, union in unions.items()]
    return {"pixelAgreement": equal / pixels, "meanIou": sum(ious) / len(ious)}


def _find_cut(reference: Sequence[Array]) -> float:
    logits = any(array.size and (array.min() < 0 or array.max() > 1) for array in reference)
    return 0.0 if logits else _HALF


def _as_labels(array: Array, cut: float) -> Array:
    if array.dtype.kind in "biu":
        return array.astype(np.int64)
    if array.ndim and array.shape[-1] > 1:
        largest: Array = array.argmax(axis=-1)
        return largest
    return (array > cut).astype(np.int64)


def compare_embeddings(
    reference: Sequence[Array], found: Sequence[Array]
) -> dict[str, float | int]:
    """Return `minCosine`, the smallest cosine between embeddings of one sample.

    Args:
        reference: Embeddings on each vector, along the last axis.
        found: The same, in equal shapes.
    """
    smallest = None
    for r, a in zip(reference, found, strict=True):
        expected, actual = _as_samples(r), _as_samples(a)
        norms = np.linalg.norm(expected, axis=1) * np.linalg.norm(actual, axis=1)
        dots = (expected * actual).sum(axis=1)
        for cosine in dots[norms > 0] / norms[norms > 0]:
            smallest = cosine if smallest is None else min(smallest, cosine)
    return {} if smallest is None else {"minCosine": float(smallest)}
