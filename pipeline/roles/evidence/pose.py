"""Pose: keypoints, and the maps from which keypoints are computed.

This module opens no file.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from pipeline.roles.evidence.finding import Claim
from pipeline.roles.evidence.observations import Observed, Output
from pipeline.roles.evidence.structure import SIGMOID
from pipeline.vocabulary.person_roles import POSE

MIN_POINTS = 5
"""A body or hand has no fewer points."""

_NDIM_POINTS, _NDIM_IMAGES = 3, 4
_COLUMNS = (2, 3)
_BEYOND = 0.25
_PEAK_SHARE = 0.15
_NEGATIVE_SHARE = 0.1


def find_pose(model: Observed) -> Iterator[Claim]:
    """Yield the roles of a pose model's outputs by their values, without their names."""
    if not model.does(POSE) or len(model.numeric) != 1:
        return
    output = model.numeric[0]
    if output.is_known and output.varies:
        yield from _find_keypoints(output, model)
        yield from _find_heatmaps(output, model)


def describe_maps(claims: Mapping[str, Output | None], model: Observed) -> dict[str, str]:
    """Return why maps do not belong together, by role: {"offsets": "has 30 channels; …"}.

    For each point heat maps have one channel and offsets two. Displacements have two for each edge
    of a tree, which has one edge less than points (PoseNet).
    """
    heatmaps = claims.get("heatmaps")
    if heatmaps is None or not heatmaps.plane or not model.does(POSE):
        return {}
    points = heatmaps.plane[2]
    expected = {
        "offsets": 2 * points,
        "displacementsForward": 2 * (points - 1),
        "displacementsBackward": 2 * (points - 1),
    }
    wrong = {}
    for role, channels in expected.items():
        output = claims.get(role)
        if output and output.plane and output.plane[2] != channels:
            wrong[role] = (
                f"has {output.plane[2]} channels; with {points} heat maps {channels} are expected"
            )
    return wrong


def _find_keypoints(output: Output, model: Observed) -> Iterator[Claim]:
    """Yield `keypoints` for rows of two or three numbers."""
    sizes = output.sizes
    if sizes is None or len(sizes) < _NDIM_POINTS or output.last not in _COLUMNS:
        return
    points = sizes[-2]
    others = [size for size in sizes[1:-2] if size != 1]
    if points is None or points < MIN_POINTS or len(others) > 1:
        return
    evidence = [f"the only output of a model for {model.task}: rows of {output.last}"]
    conventions = {"points": str(points)}
    if output.low >= -_BEYOND and output.high <= 1.0 + _BEYOND:
        conventions["scale"] = "fraction"
        evidence.append(
            f"its values lie from {output.low:.4g} to {output.high:.4g}: fractions of the image"
        )
    order = model.structure.grid_order(output.tensor)
    if order:
        conventions["order"] = order
        evidence.append(f"the graph makes its columns of quotient and rest of a place: {order}")
    if order and output.last == max(_COLUMNS):
        last = model.structure.columns(output.tensor)[-1]
        if model.structure.activation(last) == SIGMOID:
            conventions["columns"] = f"{order[0]}, {order[1]}, score"
            evidence.append("its last column comes out of a sigmoid: a score")
    yield Claim(role="keypoints", output=output, evidence=tuple(evidence), conventions=conventions)


def _find_heatmaps(output: Output, model: Observed) -> Iterator[Claim]:
    """Yield `heatmaps` for images with a channel for each point, each with its peak."""
    plane = output.plane
    if plane is None or plane[2] < MIN_POINTS or output.ndim != _NDIM_IMAGES:
        return
    if output.low < -_NEGATIVE_SHARE * output.high or not _are_peaked(output):
        return
    yield Claim(
        role="heatmaps",
        output=output,
        evidence=(
            (
                f"the only output of a model for {model.task}: {plane[2]} channels of {plane[0]} x "
                f"{plane[1]}, each of them low but for one place"
            ),
        ),
    )


def _are_peaked(output: Output) -> bool:
    """Return whether few places of a channel reach half of its largest value."""
    shares = []
    for array in output.values:
        flat = array.reshape(array.shape[0], -1, array.shape[-1])
        shares.append((flat > flat.max(axis=1, keepdims=True) / 2).mean(axis=1))
    return bool(np.median(np.concatenate(shares)) <= _PEAK_SHARE)
