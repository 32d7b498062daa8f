"""Known sets: names of the classes of public data sets, and of the points of usual skeletons.

The lists of classes are text files in `label_sets/`, a name in each line, with their licence. A
manifest names a set in place of a list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise

_SUFFIX = ".txt"


@dataclass(frozen=True, kw_only=True)
class PointSet:
    """The points of a skeleton.

    Attributes:
        names: Their names in order.
        edges: Pairs of points that belong together, by number.
    """

    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]


@cache
def label_sets() -> tuple[str, ...]:
    """Return the names of the known sets of labels: ("coco-80", …)."""
    names = (path.name for path in files("pipeline.catalog").joinpath("label_sets").iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)))


@cache
def read_label_set(name: str) -> tuple[str, ...]:
    """Return the names of the classes of a known set, in the order of their numbers."""
    path = files("pipeline.catalog").joinpath("label_sets", f"{name}{_SUFFIX}")
    return tuple(path.read_text("utf-8").splitlines())


def _sides(*names: str) -> tuple[str, ...]:
    """Return the left and the right of each name: ("left_eye", "right_eye", …)."""
    return tuple(f"{side}_{name}" for name in names for side in ("left", "right"))


_COCO = ("nose", *_sides("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"))
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_JOINTS = {"thumb": ("cmc", "mcp", "ip", "tip")}
_HAND = (
    "wrist",
    *(f"{name}_{j}" for name in _FINGERS for j in _JOINTS.get(name, ("mcp", "pip", "dip", "tip"))),
)
_BODY = (
    "nose",
    *("left_eye_inner", "left_eye", "left_eye_outer"),
    *("right_eye_inner", "right_eye", "right_eye_outer"),
    *_sides("ear"),
    *("mouth_left", "mouth_right"),
    *_sides("shoulder", "elbow", "wrist", "pinky", "index", "thumb"),
    *_sides("hip", "knee", "ankle", "heel", "foot_index"),
)


def _chain(*points: int) -> list[tuple[int, int]]:
    return list(pairwise(points))


_COCO_EDGES = (
    *_chain(3, 1, 0, 2, 4),
    *_chain(9, 7, 5, 6, 8, 10),
    *_chain(15, 13, 11, 12, 14, 16),
    (5, 11),
    (6, 12),
)
_HAND_EDGES = (
    *(edge for first in (1, 5, 9, 13, 17) for edge in _chain(*range(first, first + 4))),
    *((0, 1), (0, 5), (0, 17), (5, 9), (9, 13), (13, 17)),
)
_BODY_EDGES = (
    *_chain(8, 6, 5, 4, 0, 1, 2, 3, 7),
    (9, 10),
    *_chain(21, 15, 13, 11, 12, 14, 16, 22),
    *_chain(15, 17, 19, 15),
    *_chain(16, 18, 20, 16),
    *((11, 23), (12, 24), (23, 24)),
    *_chain(23, 25, 27, 29, 31, 27),
    *_chain(24, 26, 28, 30, 32, 28),
)

POINT_SETS: Mapping[str, PointSet] = {
    "coco-17": PointSet(names=_COCO, edges=_COCO_EDGES),
    "hand-21": PointSet(names=_HAND, edges=_HAND_EDGES),
    "blazepose-33": PointSet(names=_BODY, edges=_BODY_EDGES),
    "blazepose-39": PointSet(
        names=(
            *_BODY,
            *("body_center", "body_top", "left_palm", "left_hand", "right_palm", "right_hand"),
        ),
        edges=_BODY_EDGES,
    ),
    "blazeface-6": PointSet(
        names=("right_eye", "left_eye", "nose", "mouth", "right_ear", "left_ear"), edges=()
    ),
}
"""The known sets of points."""


def has_background(names: Sequence[str]) -> bool:
    """Return whether the first of some names stands for no class at all."""
    return bool(names) and names[0] in {"background", "__background__", "???"}
