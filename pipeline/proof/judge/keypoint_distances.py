"""Keypoints: the distances of a pose's points from the reference's points.

Distances are fractions of the diagonal of the box around the reference's points, so that a small
figure counts as much as a large one: PCK, the percentage of correct keypoints, as Yang and Ramanan
define it by the size of the person ("Articulated Human Detection with Flexible Mixtures of
Parts", 2013). This module opens no file.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.proof.judge.fidelity import Array

# Numbers of a keypoint: y and x, with depth, score, visibility, presence.
SIZES = (2, 3, 4, 5)


@dataclass(frozen=True, kw_only=True)
class KeypointFigures:
    """Figures of an output of keypoints, over all vectors.

    Attributes:
        num_keypoints: Points compared.
        num_agreeing: Points within the limit.
        mean_distance: As a fraction of the diagonal of a pose.
        max_distance: As a fraction of the diagonal of a pose.
    """

    num_keypoints: int
    num_agreeing: int
    mean_distance: float
    max_distance: float

    @property
    def agreement(self) -> float:
        """Share of points within the limit; 0 without points."""
        return self.num_agreeing / self.num_keypoints if self.num_keypoints else 0.0

    def figures(self) -> dict[str, float | int]:
        """Return the figures by their names in the catalog."""
        return {
            "keypoints": self.num_keypoints,
            "agreement": self.agreement,
            "meanKeypointDistance": self.mean_distance,
            "maxKeypointDistance": self.max_distance,
        }


def are_keypoints(array: Array) -> bool:
    """Return whether the last axis of an array is a point, and the axis before it lists points.

    A flat list of numbers may be points too, but does not show how many numbers make a point.
    """
    return array.dtype.kind in "iuf" and array.ndim > 1 and array.shape[-1] in SIZES


def compare_keypoints(
    reference: Sequence[Array], found: Sequence[Array], *, limit: float
) -> KeypointFigures:
    """Compare keypoints with the reference's.

    Args:
        reference: On each vector (…, keypoints, 2 to 5); the first two numbers of a point are its
            position, in either order.
        found: The same, in equal shapes.
        limit: Distance within which a point agrees, as a fraction of the diagonal.
    """
    distances = np.concatenate(
        [_distances(r, a) for r, a in zip(reference, found, strict=True)] or [np.zeros(0)]
    )
    return KeypointFigures(
        num_keypoints=distances.size,
        # A NaN is beyond every limit.
        num_agreeing=int((distances <= limit).sum()),
        mean_distance=float(distances.mean()) if distances.size else 0.0,
        max_distance=float(distances.max()) if distances.size else 0.0,
    )


def _distances(reference: Array, found: Array) -> Array:
    keypoints, size = reference.shape[-2:]
    poses = reference.size // (keypoints * size) if reference.size else 0
    shape = (poses, keypoints, size)
    r = reference.astype(np.float64).reshape(shape)[..., :2]
    a = found.astype(np.float64).reshape(shape)[..., :2]
    if not r.size:
        return np.zeros(0)
    diagonal = np.linalg.norm(r.max(axis=1) - r.min(axis=1), axis=-1, keepdims=True)
    # A pose of one point has no size; the distance of the point from 0 replaces it.
    diagonal = np.where(diagonal > 0, diagonal, np.abs(r).max(axis=(1, 2))[:, None])
    diagonal = np.where(diagonal > 0, diagonal, 1.0)
    distances: Array = (np.linalg.norm(a - r, axis=-1) / diagonal).reshape(-1)
    return distances
