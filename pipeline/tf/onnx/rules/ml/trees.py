"""Tree ensembles: TreeEnsembleClassifier, TreeEnsembleRegressor and TreeEnsemble.

What the leaves add up to is that of ONNX Runtime:
core/providers/cpu/ml/tree_ensemble_aggregator.h .
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import FormatError
from pipeline.tf.onnx.call import Call, Table
from pipeline.tf.onnx.rules.ml.classes import Classes, label, name_scores, read_classes
from pipeline.tf.onnx.rules.ml.linear import transform_targets
from pipeline.tf.onnx.rules.ml.rows import (
    count_features,
    floats,
    may_be_nan,
    read_rows,
    spread,
    transform,
)
from pipeline.tf.onnx.rules.ml.tree_files import read_by_leaves, read_by_nodes
from pipeline.tf.onnx.rules.ml.tree_tables import Forest
from pipeline.tf.onnx.rules.ml.walk import walk

_TWO = 2
_AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")


@dataclass(frozen=True, kw_only=True)
class Leaves:
    """What the reached leaves have.

    Attributes:
        forest: The trees.
        places: The leaf of each sample in each tree: int32 (num_samples, num_trees).
        targets: How many targets, or classes, there are.
    """

    forest: Forest
    places: Any
    targets: int

    def table(self, fill: float, *, marks: bool = False) -> Any:
        """Return the weight of each node for each target; or 1 where it has one."""
        made = np.full((len(self.forest.weights), self.targets), fill, np.float64)
        for place, pairs in enumerate(self.forest.weights):
            for number, (target, weight) in enumerate(pairs):
                earlier = sum(other for same, other in pairs[:number] if same == target)
                made[place, target] = 1.0 if marks else earlier + weight
        return made.astype(np.float32)

    def add(self) -> Any:
        """Return the sum of the weights: float32 (num_samples, targets)."""
        table = self.table(0.0)
        owners = _find_owners(self.forest, self.targets)
        if self.targets > 1 and owners is not None and np.all(np.isfinite(table)):
            found = tf.gather(tf.constant(table.sum(1)), self.places)
            return tf.matmul(found, tf.constant(owners))
        return tf.reduce_sum(self._gather(table), 1)

    def extreme(self, reduce: Any, fill: float) -> Any:
        """Return the least or largest weights; 0 for a target without one."""
        found = reduce(self._gather(self.table(fill)), 1)
        return tf.where(tf.equal(found, fill), tf.zeros_like(found), found)

    def has(self) -> Any:
        """Return for each sample and target whether a reached leaf has a weight for it."""
        return tf.reduce_max(self._gather(self.table(0.0, marks=True)), 1) > 0

    def _gather(self, table: Any) -> Any:
        """Return (num_samples, num_trees, targets)."""
        if self.targets == 1:
            return tf.expand_dims(tf.gather(tf.constant(table[:, 0]), self.places), 2)
        leaves = self.forest.is_leaf
        numbers = np.where(leaves, np.cumsum(leaves) - 1, 0).astype(np.int32)
        return tf.gather(tf.constant(table[leaves]), tf.gather(numbers, self.places))

    def always(self) -> Any:
        """Return for each target whether a tree has a weight for it in each leaf."""
        marks = self.table(0.0, marks=True)
        leaves, trees = self.forest.is_leaf, self.forest.trees
        full = [marks[leaves & (trees == tree)].min(0) for tree in range(len(self.forest.roots))]
        return np.max(full, 0) > 0

    def never(self) -> Any:
        """Return for each target whether no leaf has a weight for it."""
        return self.table(0.0, marks=True).max(0) == 0


def _find_owners(forest: Forest, targets: int) -> Any:
    """Return which target each tree is for: (num_trees, targets); None if a tree is for several."""
    owners = np.zeros((len(forest.roots), targets), np.float32)
    for tree, pairs in zip(forest.trees, forest.weights, strict=True):
        for target, _ in pairs:
            owners[tree, target] = 1
    return owners if np.all(owners.sum(1) <= 1) else None


def _reach(call: Call, forest: Forest, targets: int) -> Leaves:
    """Return the leaves that the samples of a node reach."""
    rows = read_rows(call)
    width = count_features(call, rows)
    branches = ~forest.is_leaf
    if np.any(forest.features[branches] >= width) or np.any(forest.features < 0):
        raise FormatError(f"{call.node.label}: its trees compare more than the {width} features")
    if any(not 0 <= target < targets for pairs in forest.weights for target, _ in pairs):
        raise FormatError(f"{call.node.label}: a leaf has a target beyond {targets}")
    _note_doubles(call, forest)
    places = walk(forest, rows, width, has_nan=may_be_nan(call))
    return Leaves(forest=forest, places=places, targets=targets)


def _note_doubles(call: Call, forest: Forest) -> None:
    if np.any(forest.values != forest.values.astype(np.float32)):
        call.state.notes[
            f"{call.node.label}: thresholds are float64; they are rounded so that each float32 "
            "input goes the same way, but inputs of float64 between two of float32 may not"
        ] = None


def _regress(call: Call) -> Any:
    targets = int(call.attribute("n_targets", 1))
    forest = read_by_nodes(call, "target")
    made = _aggregate(
        call, _reach(call, forest, targets), call.attribute("aggregate_function", "SUM")
    )
    base = floats(call, "base_values", "base_values_as_tensor")
    if len(base) == targets:
        made = made + tf.constant(base.astype(np.float32))
    elif len(base):
        raise FormatError(f"{call.node.label}: {len(base)} base values for {targets} targets")
    return transform_targets(call, made, targets)


def _ensemble(call: Call) -> Any:
    targets = int(call.attribute("n_targets"))
    leaves = _reach(call, read_by_leaves(call), targets)
    made = _aggregate(call, leaves, _AGGREGATES[int(call.attribute("aggregate_function", 1))])
    return transform_targets(call, made, targets)


def _aggregate(call: Call, leaves: Leaves, function: str) -> Any:
    match function:
        case "SUM":
            return leaves.add()
        case "AVERAGE":
            return leaves.add() / len(leaves.forest.roots)
        case "MIN":
            return leaves.extreme(tf.reduce_min, np.inf)
        case "MAX":
            return leaves.extreme(tf.reduce_max, -np.inf)
        case _:
            raise call.refuse(f"aggregate_function is {function!r}")


def _classify(call: Call) -> list[Any]:
    classes = read_classes(call, "classlabels_int64s")
    leaves = _reach(call, read_by_nodes(call, "class"), len(classes))
    base = floats(call, "base_values", "base_values_as_tensor").astype(np.float32)
    name_scores(call, 1, classes.texts)
    if len(classes) > _TWO:
        return _choose_of_many(call, leaves, classes, base)
    if len(classes) != _TWO:
        raise call.refuse(f"it has {len(classes)} classes")
    return _choose_of_two(call, leaves, classes, base)


def _choose_of_many(call: Call, leaves: Leaves, classes: Classes, base: Any) -> list[Any]:
    """Return the class of the largest score, among those that have one, and the scores."""
    scores = leaves.add()
    if len(base):
        scores = scores + tf.constant(base)
    compared = scores
    if not len(base) and not np.all(leaves.always()):
        compared = tf.where(leaves.has(), scores, tf.constant(np.finfo(np.float32).min))
    place = tf.argmax(compared, 1, tf.int32)
    return [label(call, place, classes), transform(call, scores)]


def _choose_of_two(call: Call, leaves: Leaves, classes: Classes, base: Any) -> list[Any]:
    """Return the class and scores of two, which may be those of one.

    Files have weights of one class, or of both. ONNX Runtime adds base values to what it takes for
    the second class; where leaves have weights of different classes, its answer depends on the
    leaves that a sample reaches, and is refused.
    """
    always, never = leaves.always(), leaves.never()
    if not np.all(always | never):
        raise call.refuse("some of its leaves have weights of both classes, some of one")
    scores = leaves.add()
    single = bool(never.sum())
    first, second = scores[:, :1], scores[:, 1:]
    if not always[1]:
        return _choose_by_first(call, first, classes, base, leaves, single=single)
    if len(base) == _TWO:
        second = first + float(base[1])
        first = -second
    elif len(base):
        first = first + float(base[0])
    if never[0]:
        first = tf.zeros_like(second)
    place = _judge(leaves, second, single=single)
    both = tf.concat([first, second], 1)
    return [_label_two(call, place, classes, single=single), transform(call, both)]


def _choose_by_first(  # noqa: PLR0913  # the parts of _choose_of_two
    call: Call, first: Any, classes: Classes, base: Any, leaves: Leaves, *, single: bool
) -> list[Any]:
    """Return the class and scores where the weights of the first class stand for the second."""
    if len(base) == _TWO:
        first = first + float(base[0])
        place = _judge(leaves, first, single=single)
        both = tf.concat([first, tf.zeros_like(first)], 1)
        return [_label_two(call, place, classes, single=single), transform(call, both)]
    score = first + float(base[0]) if len(base) else first
    place = _judge(leaves, score, single=single)
    return [
        _label_two(call, place, classes, single=single),
        spread(call, score, positive=_is_positive(leaves)),
    ]


def _is_positive(leaves: Leaves) -> bool:
    return all(weight >= 0 for pairs in leaves.forest.weights for _, weight in pairs)


def _judge(leaves: Leaves, score: Any, *, single: bool) -> Any:
    """Return whether the second class wins, by its score: from a half on if weights are chances."""
    limit = 0.5 if single and _is_positive(leaves) else 0.0
    return tf.cast(score[:, 0] > limit, tf.int32)


def _label_two(call: Call, place: Any, classes: Classes, *, single: bool) -> Any:
    """Return the label; ONNX Runtime has 0 and 1 for numbers where both classes have weights."""
    if classes.numbers and not single:
        return label(call, place, Classes(numbers=(0, 1)))
    return label(call, place, classes)


RULES: Table = {
    "TreeEnsembleClassifier": _classify,
    "TreeEnsembleRegressor": _regress,
    "TreeEnsemble": _ensemble,
}
