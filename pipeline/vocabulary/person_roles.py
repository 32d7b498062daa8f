"""Roles of models for people: attributes of faces, poses, landmarks, as data.

A new role is one entry. The manifest's `map` and the catalog use its name, so a published name
keeps its meaning. This module opens no file.
"""

from pipeline.vocabulary.role_types import Family, Role

ATTRIBUTES = Family(
    name="Attributes of a face",
    tasks=("face-attributes", "face-description"),
    endings=("-attributes",),
    roles=(
        Role(
            name="age",
            shape="(batch, groups) or (batch, 1)",
            meaning="Probability of each age group, or the age in years.",
            conventions=("activation", "normalization"),
        ),
        Role(
            name="gender",
            shape="(batch, 2) or (batch, 1)",
            meaning="Probability of each gender; which comes first, or what 1 stands for, is the "
            "model's own.",
            conventions=("activation", "normalization"),
        ),
        Role(
            name="race",
            shape="(batch, groups)",
            meaning="Probability of each ethnic group.",
            conventions=("activation", "normalization"),
        ),
        Role(
            name="emotion",
            shape="(batch, emotions)",
            meaning="Probability of each expression.",
            conventions=("activation", "normalization"),
        ),
    ),
    also=("embedding", "features", "scores", "logits", "landmarks"),
)

POSE = Family(
    name="Pose",
    tasks=("pose-estimation", "pose-detection"),
    endings=("-pose-estimation", "-pose-detection"),
    roles=(
        Role(
            name="keypoints",
            shape="(batch, …, points, 2 to 5)",
            meaning="Points of a body, in the order of the model's list of names.",
            conventions=("columns", "order", "scale", "points"),
        ),
        Role(
            name="heatmaps",
            shape="(batch, height, width, points)",
            meaning="For each point a map of where it is likely to be.",
            conventions=("activation", "points"),
        ),
        Role(
            name="offsets",
            shape="(batch, height, width, 2 x points)",
            meaning="Where in its cell of the heat map a point lies, in pixels: first all y, then "
            "all x.",
        ),
        Role(
            name="displacementsForward",
            shape="(batch, height, width, 2 x edges)",
            meaning="From a point to the next one of the body's tree, towards its leaves.",
        ),
        Role(
            name="displacementsBackward",
            shape="(batch, height, width, 2 x edges)",
            meaning="From a point to the one before it in the body's tree, towards its root.",
        ),
    ),
    also=("landmarks", "worldLandmarks", "scores", "mask", "boxes", "logits", "count"),
)

LANDMARKS = Family(
    name="Landmarks",
    tasks=("landmarks",),
    endings=("-landmarks", "-landmark-detection", "-mesh"),
    roles=(
        Role(
            name="landmarks",
            shape="(batch, points x values)",
            meaning="Points of a face, a hand or a body: x, y and mostly z of the first, then of "
            "the second, …",
            conventions=("scale", "points"),
        ),
        Role(
            name="worldLandmarks",
            shape="(batch, points x 3)",
            meaning="The same points in metres, from the middle of the body or hand.",
            conventions=("points",),
        ),
        Role(
            name="contours",
            shape="(batch, points x 2)",
            meaning="Points of the outlines of eyes, lips and face: x, y of the first, then of "
            "the second, …",
            conventions=("scale",),
        ),
        Role(
            name="scores",
            shape="(batch, 1)",
            meaning="Probability that what the points belong to is in the image at all.",
            conventions=("activation",),
        ),
        Role(
            name="handedness",
            shape="(batch, 1)",
            meaning="Probability of one of the two hands; of which, is the model's own.",
            conventions=("activation",),
        ),
    ),
    also=("keypoints", "heatmaps", "mask", "boxes", "logits"),
)
