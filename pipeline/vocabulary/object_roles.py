"""Roles of models for objects, classes, masks, vectors and sounds, as data.

A new role is one entry. The manifest's `map` and the catalog use its name, so a published name
keeps its meaning. This module opens no file.
"""

from pipeline.vocabulary.role_types import Family, Role

DETECTION = Family(
    name="Detection",
    tasks=("object-detection",),
    endings=("-detection",),
    roles=(
        Role(
            name="boxes",
            shape="(batch, boxes, 4)",
            meaning="Where each object is: what the graph's non-maximum suppression left, or every "
            "candidate where the graph has none.",
            conventions=("order", "form", "scale"),
        ),
        Role(
            name="scores",
            shape="(batch, boxes) or (batch, boxes, classes)",
            meaning="How sure the model is of each box, from 0 to 1; with a last axis, of each "
            "class for each box.",
            conventions=("activation", "normalization"),
        ),
        Role(
            name="classes",
            shape="(batch, boxes)",
            meaning="Class of each box: whole numbers, also where the dtype is float32 (round "
            "them: constants of a quantized model make 2 a 1.988), or labels as strings. `null` "
            "says that the class is the arg-max of `scores` along the last axis.",
            conventions=("offset",),
        ),
        Role(
            name="count",
            shape="(batch)",
            meaning="How many rows of `boxes` are valid; the others are padding.",
        ),
        Role(
            name="multiclassScores",
            shape="(batch, boxes, classes)",
            meaning="Scores of all classes for each row of `boxes`.",
            conventions=("activation",),
        ),
        Role(
            name="anchors",
            shape="(batch, boxes)",
            meaning="Which anchor each row of `boxes` comes from: a row of `rawBoxes` and "
            "`rawScores`, from 0.",
        ),
        Role(
            name="rawBoxes",
            shape="(batch, anchors, 4)",
            meaning="Every candidate's box before the graph's own non-maximum suppression.",
            conventions=("order", "form", "scale"),
        ),
        Role(
            name="rawScores",
            shape="(batch, anchors, classes)",
            meaning="Every candidate's scores before the graph's own non-maximum suppression.",
            conventions=("activation",),
        ),
        Role(
            name="detections",
            shape="(batch, boxes, columns)",
            meaning="One row for each object that holds all of it: box, score and class.",
            conventions=("columns", "order", "form", "scale"),
        ),
    ),
    also=("keypoints", "landmarks", "mask", "heatmaps", "offsets", "logits", "embedding"),
)

CLASSIFICATION = Family(
    name="Classification",
    tasks=("classification", "anti-spoofing", "language-identification", "tagging"),
    endings=("-classification", "-antispoofing", "-liveness"),
    roles=(
        Role(
            name="scores",
            shape="(batch, classes), or (batch, tokens, classes)",
            meaning="Probability of each class; with one class, of that class.",
            conventions=("activation", "normalization"),
        ),
        Role(
            name="logits",
            shape="(batch, classes), or (batch, tokens, classes)",
            meaning="What becomes `scores` by softmax (classes that exclude one another) or "
            "sigmoid.",
            conventions=("activation",),
        ),
        Role(
            name="classes",
            shape="(batch) or (batch, classes)",
            meaning="The class itself, as a whole number, or the labels of all classes as strings.",
            conventions=("offset",),
        ),
    ),
    also=("embedding", "features", "age", "gender", "race", "emotion"),
)

SEGMENTATION = Family(
    name="Segmentation",
    tasks=("segmentation",),
    endings=("-segmentation",),
    roles=(
        Role(
            name="mask",
            shape="(batch, height, width) or (batch, height, width, classes)",
            meaning="What each pixel belongs to: with one channel how likely to the object, with "
            "several how likely to each class, without channels the class.",
            conventions=("activation", "normalization"),
        ),
    ),
    also=("boxes", "scores", "classes", "logits", "count", "alpha"),
)

MATTING = Family(
    name="Matting",
    tasks=("matting",),
    endings=("-matting",),
    roles=(
        Role(
            name="alpha",
            shape="(batch, height, width, 1)",
            meaning="How much of each pixel is foreground, from 0 to 1.",
        ),
        Role(
            name="foreground",
            shape="(batch, height, width, 3)",
            meaning="Colour of the foreground in each pixel, from 0 to 1.",
        ),
        Role(
            name="stateN",
            shape="any",
            meaning="Memory of the model: to be fed to the input of the same number with the next "
            "frame.",
        ),
    ),
    also=("mask",),
)

EMBEDDING = Family(
    name="Embedding",
    tasks=("embedding", "face-recognition", "image-similarity", "re-identification"),
    endings=("-embedding", "-similarity"),
    roles=(
        Role(
            name="embedding",
            shape="(batch, size)",
            meaning="Describes the input by numbers that are alike for things that are alike.",
            conventions=("length",),
        ),
        Role(
            name="tokenEmbeddings",
            shape="(batch, tokens, size)",
            meaning="Describes each token of a text; `pooling` makes one vector of a text's.",
            conventions=("pooling",),
        ),
    ),
    also=("features", "scores", "age", "gender"),
)

FEATURES = Family(
    name="Features",
    tasks=("feature-extraction", "feature-vector", "backbone"),
    roles=(
        Role(
            name="features",
            shape="(batch, size) or (batch, height, width, channels)",
            meaning="What a model without its top hands to the layers that are missing: not "
            "directly usable, input for a head that is to be trained.",
            usable=False,
        ),
    ),
    also=("embedding",),
)

REGRESSION = Family(
    name="Regression",
    tasks=("regression",),
    endings=("-regression",),
    roles=(Role(name="values", shape="any", meaning="The quantities that the model estimates."),),
)

DEPTH = Family(
    name="Depth",
    tasks=("depth-estimation",),
    roles=(
        Role(
            name="depth",
            shape="(batch, height, width) or (batch, height, width, 1)",
            meaning="How far each pixel is, or how near: scale and direction are the model's own.",
        ),
    ),
)

IMAGE = Family(
    name="Image to image",
    tasks=("image-to-image", "super-resolution", "style-transfer", "image-enhancement"),
    roles=(
        Role(
            name="image",
            shape="(batch, height, width, channels)",
            meaning="The image that the model makes of its input.",
            conventions=("range",),
        ),
    ),
)

TRANSCRIPTION = Family(
    name="Audio transcription",
    tasks=("audio-transcription", "music-transcription"),
    roles=(
        Role(
            name="note",
            shape="(batch, frames, pitches)",
            meaning="Probability that a note sounds.",
            conventions=("activation",),
        ),
        Role(
            name="onset",
            shape="(batch, frames, pitches)",
            meaning="Probability that a note begins.",
            conventions=("activation",),
        ),
        Role(
            name="contour",
            shape="(batch, frames, pitches x bins)",
            meaning="Probability of each pitch, in steps finer than a semitone.",
            conventions=("activation",),
        ),
    ),
)
