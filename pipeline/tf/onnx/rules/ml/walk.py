"""The leaves that samples reach, in all trees at once.

Each level is a comparison of one feature for each tree: (num_samples, num_trees). Measured against
products of matrices (the way of Hummingbird), which were slower but for trees of depth 4 on few
samples, and took 25 times the space at depth 8.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.onnx.rules.ml.tree_tables import Forest

_INFINITY = np.float32(np.inf)


def walk(forest: Forest, rows: Any, num_features: int, *, has_nan: bool) -> Any:
    """Return the leaf that each sample reaches in each tree.

    Args:
        forest: The trees.
        rows: float32 (num_samples, num_features).
        num_features: The number of features.
        has_nan: Whether features may be missing.

    Returns:
        Numbers of nodes: int32 (num_samples, num_trees).
    """
    if forest.depth == 0:
        return tf.zeros_like(rows[:, :1], tf.int32) + tf.constant(forest.roots[None])
    branches = ~forest.is_leaf
    modes = set(forest.modes[branches])
    finite = bool(np.all(np.isfinite(forest.values[branches])))
    if len(modes) == 1 and modes <= {"BRANCH_LEQ", "BRANCH_LT"} and finite:
        return _walk_evenly(forest, rows, num_features, modes.pop(), has_nan=has_nan)
    return _walk_by_modes(forest, rows, num_features, has_nan=has_nan)


def _walk_evenly(forest: Forest, rows: Any, num_features: int, mode: str, *, has_nan: bool) -> Any:
    """Walk where all nodes compare alike: a missing number is an infinite one of the right sign."""
    upward = mode == "BRANCH_LEQ"
    features = forest.features
    if has_nan:
        rows, features = _replace_missing(forest, rows, num_features)
    width = num_features if rows.shape[1] is None else int(rows.shape[1])
    values = round_down(forest.values[:, 0]) if upward else round_up(forest.values[:, 0])
    # A leaf leads to itself: no number is larger than infinity, none is less than its negative.
    values[forest.is_leaf] = _INFINITY if upward else -_INFINITY
    firsts = forest.firsts if upward else forest.firsts - forest.is_leaf
    compare = tf.greater if upward else tf.greater_equal
    table = _Tables(rows, width, features)

    def step(place: Any, found: Any) -> Any:
        return tf.cast(compare(found, _pick(values, place)), tf.int32)

    return table.descend(forest, firsts, step)


def _replace_missing(forest: Forest, rows: Any, num_features: int) -> tuple[Any, Any]:
    """Return rows in which infinity stands for missing numbers, and the features of nodes in them.

    Infinity goes the way of false and negative infinity that of true, as nodes compare to finite
    numbers by "less" or "less or equal".
    """
    missing = tf.math.is_nan(rows)
    branches = ~forest.is_leaf
    signs = [
        sign for sign, way in ((1, False), (-1, True)) if np.any(forest.misses[branches] == way)
    ]
    parts = [tf.where(missing, tf.constant(sign * _INFINITY), rows) for sign in signs]
    if len(parts) == 1:
        return parts[0], forest.features
    return tf.concat(parts, 1), forest.features + num_features * (forest.misses & branches)


class _Tables:
    """The features of samples by node.

    Rows lie behind each other in one vector, which is faster than a gather with a batch axis.
    """

    def __init__(self, rows: Any, width: int, features: Any) -> None:
        self._rows = rows
        self._features = features.astype(np.int32)
        self._flat = tf.reshape(rows, [-1])
        count = rows.shape[0]
        numbers = tf.range(tf.shape(rows)[0] if count is None else count)
        self._starts = tf.expand_dims(numbers * width, 1)

    def descend(self, forest: Forest, firsts: Any, step: Any) -> Any:
        """Return the leaves; `step` returns 0 or 1 for places and the features found there."""
        roots = forest.roots
        found = tf.gather(self._rows, self._features[roots], axis=1)
        place = tf.constant(firsts[roots]) + step(roots, found)
        for _ in range(forest.depth - 1):
            columns = tf.gather(self._features, place) + self._starts
            found = tf.gather(self._flat, columns)
            place = tf.gather(firsts, place) + step(place, found)
        return place


def _pick(table: Any, place: Any) -> Any:
    """Return entries of a constant table; at known places as a constant."""
    if isinstance(place, np.ndarray):
        return tf.constant(table[place])
    return tf.gather(tf.constant(table), place)


def _walk_by_modes(forest: Forest, rows: Any, num_features: int, *, has_nan: bool) -> Any:
    """Walk where nodes compare in several ways, by sets, or to infinity."""
    leaves = forest.is_leaf
    modes = sorted({*forest.modes[~leaves]})
    kinds = np.array([modes.index(m) if m in modes else 0 for m in forest.modes], np.int32)
    values = _round_values(forest, modes)
    stays = np.where(leaves, 0, 1).astype(np.int32)
    misses = np.where(leaves | forest.misses, 0, 1).astype(np.int32)
    table = _Tables(rows, num_features, forest.features)

    def step(place: Any, found: Any) -> Any:
        wanted = _pick(values, place)
        fails = [tf.cast(tf.logical_not(_compare(mode, found, wanted)), tf.int32) for mode in modes]
        chosen = fails[0]
        for number in range(1, len(modes)):
            chosen = tf.where(tf.equal(_pick(kinds, place), number), fails[number], chosen)
        chosen = chosen * _pick(stays, place)
        if not has_nan:
            return chosen
        return tf.where(tf.math.is_nan(found), _pick(misses, place), chosen)

    return table.descend(forest, forest.firsts, step)


def _compare(mode: str, found: Any, wanted: Any) -> Any:
    if mode == "BRANCH_EQ" and wanted.shape[-1] > 1:
        return tf.reduce_any(tf.equal(tf.expand_dims(found, -1), wanted), -1)
    if mode == "BRANCH_EQ":
        return tf.equal(found, wanted[..., 0])
    return (tf.less_equal if mode == "BRANCH_LEQ" else tf.less)(found, wanted[..., 0])


def _round_values(forest: Forest, modes: list[str]) -> Any:
    """Return what nodes compare to as float32; a number between two of float32 equals none."""
    values = forest.values.astype(np.float32)
    exact = values == forest.values
    for mode, rounded in (("BRANCH_LEQ", round_down), ("BRANCH_LT", round_up)):
        own = forest.modes == mode
        values[own] = rounded(forest.values[own])
    if "BRANCH_EQ" in modes:
        values[(forest.modes == "BRANCH_EQ")[:, None] & ~exact] = np.nan
    return values


def round_down(values: Any) -> Any:
    """Return the largest float32 numbers not above: x <= v stays the same for float32 x."""
    rounded = values.astype(np.float32)
    return np.where(rounded > values, np.nextafter(rounded, -_INFINITY), rounded)


def round_up(values: Any) -> Any:
    """Return the smallest float32 numbers not below: x < v stays the same for float32 x."""
    rounded = values.astype(np.float32)
    return np.where(rounded < values, np.nextafter(rounded, _INFINITY), rounded)
