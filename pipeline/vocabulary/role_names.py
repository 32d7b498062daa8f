"""Names: the role that an output's own name means.

Only unambiguous names are listed, each as its words in lower case, without words that frameworks
add ("StatefulPartitionedCall", "output_", "_pred", "/BiasAdd"). A name is a claim and no proof: it
counts if shape and values do not contradict it (evidence/role_check.py). This module opens no
file.
"""

import re

_ALIASES = {
    "boxes": "boxes, detection boxes, bboxes, bbox, box, predicted boxes",
    "scores": "scores, score, detection scores, box scores, probabilities, probability, probs, "
    "confidence, confidences, faceflag, poseflag, handflag, conv faceflag",
    "logits": "logits, logit",
    "classes": "classes, class, detection classes, class ids, class id, labels, label",
    "count": "num detections, num boxes, num valid detections, valid detections, detection count",
    "multiclassScores": "detection multiclass scores, multiclass scores",
    "anchors": "detection anchor indices, anchor indices",
    "rawBoxes": "raw detection boxes, raw boxes",
    "rawScores": "raw detection scores, raw scores",
    "keypoints": "keypoints, detection keypoints, keypoint coords, joints",
    "heatmaps": "heatmap, heatmaps",
    "offsets": "offset, offsets, short offsets",
    "displacementsForward": "displacement fwd, displacements fwd, displacement forward",
    "displacementsBackward": "displacement bwd, displacements bwd, displacement backward",
    "landmarks": "landmarks, ld 3d, mesh, mesh identity, ld 2d",
    "worldLandmarks": "world landmarks, world 3d",
    "contours": "contours",
    "handedness": "handedness",
    "mask": "mask, masks, segment, segmentation, segmentation mask, semantic predictions",
    "alpha": "alpha, pha, matte",
    "foreground": "foreground, fgr",
    "embedding": "embedding, embeddings, descriptor, sentence embedding, image embeds, text embeds",
    "tokenEmbeddings": "token embeddings, last hidden state",
    "features": "features, feature vector",
    "age": "age",
    "gender": "gender",
    "race": "race, ethnicity",
    "emotion": "emotion, emotions",
    "depth": "depth, predicted depth",
    "note": "note",
    "onset": "onset",
    "contour": "contour",
}
_ROLES = {alias.strip(): role for role, aliases in _ALIASES.items() for alias in aliases.split(",")}
_OPS = frozenset(
    {"BiasAdd", "Identity", "Mean", "Relu", "Reshape", "Sigmoid", "Softmax", "Squeeze", "concat"}
)
_BEFORE = ("output ", "activation ", "out ", "predicted ")
_AFTER = (" output", " out", " pred", " preds", " prediction", " predictions")
_NUMBER = re.compile(r"( \d+)+$")
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+[a-z]?(?![a-z])")
_STATE_OUTPUT = re.compile(r"^r(\d+)o$")


def name_role(name: str) -> tuple[str, str] | None:
    """Return the role that a name means, and the words that mean it; else None."""
    words = _split(name)
    for text in _variants(words):
        if text in _ROLES:
            return _ROLES[text], text
    return None


def state_number(name: str) -> int | None:
    """Return N of "rNo", the memory of Robust Video Matting that goes back to "rNi"."""
    match = _STATE_OUTPUT.match(name)
    return int(match[1]) if match else None


def _split(name: str) -> str:
    """Return the words of the last part of a path that is more than an operation's name."""
    parts = [part for part in name.split(":", maxsplit=1)[0].split("/") if part]
    while len(parts) > 1 and re.sub(r"_\d+$", "", parts[-1]) in _OPS:
        parts.pop()
    return " ".join(word.lower() for word in _WORDS.findall(parts[-1])) if parts else ""


def _variants(words: str) -> list[str]:
    """Return a name's words, then the same without the words that frameworks add."""
    found = [words, _NUMBER.sub("", words)]
    for text in list(found):
        bare = text
        for prefix in _BEFORE:
            bare = bare.removeprefix(prefix)
        for suffix in _AFTER:
            bare = bare.removesuffix(suffix)
        found.append(bare)
    return [text for text in dict.fromkeys(found) if text]
