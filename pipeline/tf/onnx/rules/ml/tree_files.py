"""The two forms in which files have trees.

TreeEnsembleClassifier and TreeEnsembleRegressor list nodes, leaves among them; TreeEnsemble lists
leaves apart.
"""

from typing import Any

import numpy as np

from pipeline.errors import FormatError
from pipeline.tf.onnx.call import Call
from pipeline.tf.onnx.rules.ml.rows import floats
from pipeline.tf.onnx.rules.ml.tree_tables import LEAF, Forest, Node, flatten

_MODES = (
    "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ",
    "BRANCH_MEMBER",
)  # fmt: skip


def read_by_nodes(call: Call, kind: str) -> Forest:
    """Return the trees of a TreeEnsembleClassifier or TreeEnsembleRegressor.

    Args:
        call: The node.
        kind: How its attributes of weights begin: "class" or "target".
    """
    columns = {
        name: call.attribute(f"nodes_{name}") or ()
        for name in ("treeids", "nodeids", "modes", "featureids", "truenodeids", "falsenodeids")
    }
    values = floats(call, "nodes_values", "nodes_values_as_tensor")
    if len({len(column) for column in columns.values()} | {len(values)}) > 1:
        raise FormatError(f"{call.node.label}: its lists of nodes differ in length")
    misses = call.attribute("nodes_missing_value_tracks_true") or (0,) * len(values)
    places = {
        key: i for i, key in enumerate(zip(columns["treeids"], columns["nodeids"], strict=True))
    }
    weights = _read_weights(call, kind, places)

    def node(number: int) -> Node:
        mode, tree = columns["modes"][number], columns["treeids"][number]
        if mode == LEAF:
            return Node(mode=LEAF, weights=tuple(weights.get(number, ())))
        follows = tuple(
            places[tree, columns[side][number]] for side in ("truenodeids", "falsenodeids")
        )
        return Node(
            mode=_check_mode(call, mode),
            feature=int(columns["featureids"][number]),
            values=(float(values[number]),),
            misses=bool(misses[number]),
            follows=follows,  # type: ignore[arg-type]  # two of them
        )

    trees = columns["treeids"]
    roots = [i for i, tree in enumerate(trees) if i == 0 or trees[i - 1] != tree]
    return _flatten(call, node, roots)


def _check_mode(call: Call, mode: str) -> str:
    if mode not in _MODES:
        raise call.refuse(f"a node has mode {mode!r}")
    return mode


def _read_weights(
    call: Call, kind: str, places: dict[tuple[int, int], int]
) -> dict[int, list[tuple[int, float]]]:
    """Return the targets and weights of leaves by their number."""
    numbers = floats(call, f"{kind}_weights", f"{kind}_weights_as_tensor")
    keys = zip(
        call.attribute(f"{kind}_treeids") or (),
        call.attribute(f"{kind}_nodeids") or (),
        call.attribute(f"{kind}_ids") or (),
        numbers,
        strict=True,
    )
    weights: dict[int, list[tuple[int, float]]] = {}
    for tree, leaf, target, number in keys:
        weights.setdefault(places[tree, leaf], []).append((int(target), float(number)))
    return weights


def read_by_leaves(call: Call) -> Forest:
    """Return the trees of a TreeEnsemble, whose leaves have one target each."""
    names = ("featureids", "truenodeids", "falsenodeids", "trueleafs", "falseleafs")
    features, true, false, true_leaf, false_leaf = (
        call.attribute(f"nodes_{name}") for name in names
    )
    modes = [_MODES[int(mode)] for mode in floats(call, "nodes_modes")]
    splits = floats(call, "nodes_splits")
    members = _read_members(call, modes)
    misses = call.attribute("nodes_missing_value_tracks_true") or (0,) * len(modes)
    targets, weights = call.attribute("leaf_targetids"), floats(call, "leaf_weights")
    count = len(modes)

    def node(number: int) -> Node:
        if number >= count:
            leaf = number - count
            return Node(mode=LEAF, weights=((int(targets[leaf]), float(weights[leaf])),))
        values = members[number] if modes[number] == "BRANCH_MEMBER" else (float(splits[number]),)
        return Node(
            mode=modes[number],
            feature=int(features[number]),
            values=values,
            misses=bool(misses[number]),
            follows=(
                int(true[number]) + count * bool(true_leaf[number]),
                int(false[number]) + count * bool(false_leaf[number]),
            ),
        )

    return _flatten(call, node, [int(root) for root in call.attribute("tree_roots")])


def _read_members(call: Call, modes: list[str]) -> dict[int, tuple[float, ...]]:
    """Return the sets of the nodes that have one: lists that NaN ends."""
    sets: list[list[float]] = [[]]
    for number in floats(call, "membership_values"):
        if np.isnan(number):
            sets.append([])
        else:
            sets[-1].append(float(number))
    owners = [number for number, mode in enumerate(modes) if mode == "BRANCH_MEMBER"]
    if len(owners) > len(sets) or any(not sets[i] for i in range(len(owners))):
        raise FormatError(f"{call.node.label}: a set of members is empty or lacking")
    return {owner: tuple(found) for owner, found in zip(owners, sets, strict=False)}


def _flatten(call: Call, node: Any, roots: list[int]) -> Forest:
    try:
        return flatten(node, roots)
    except (ValueError, LookupError, TypeError) as error:
        raise FormatError(f"{call.node.label}: its trees are damaged: {error}") from error
