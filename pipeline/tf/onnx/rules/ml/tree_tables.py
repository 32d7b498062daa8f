"""Tree ensembles as tables: a row for each node of all trees.

The nodes that follow a node lie beside each other, so that a comparison, as 0 or 1, is what to add
to the number of the first. A leaf follows itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LEAF = "LEAF"
_OPPOSITES = {"BRANCH_GT": "BRANCH_LEQ", "BRANCH_GTE": "BRANCH_LT", "BRANCH_NEQ": "BRANCH_EQ"}

# A tree may share nodes, which are then written out; more than this is no real model.
_MAX_NODES = 2**22


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node of a tree as the file has it.

    Attributes:
        mode: "BRANCH_LEQ", …, "BRANCH_MEMBER"; "LEAF".
        feature: The feature that it compares.
        values: What it compares to: one number, or the members of a set.
        misses: Whether a missing number (NaN) goes the way of true.
        follows: Numbers of the nodes for true and false.
        weights: Pairs of the target and the weight of a leaf.
    """

    mode: str
    feature: int = 0
    values: tuple[float, ...] = (0.0,)
    misses: bool = False
    follows: tuple[int, int] = (0, 0)
    weights: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Forest:
    """All trees of an ensemble, flattened. Arrays have an entry for each node.

    Attributes:
        roots: The first node of each tree.
        depth: The number of comparisons on the longest way.
        modes: "BRANCH_LEQ", "BRANCH_LT" or "BRANCH_EQ"; the opposites have their ways exchanged.
        features: The feature that a node compares; 0 of leaves.
        values: float64 (num_nodes, num_members): what it compares to.
        misses: Whether a missing number goes the way of true.
        firsts: The node for true; that for false is the next. A leaf itself.
        weights: The pairs of target and weight of each leaf; none of others.
        trees: The number of the tree that a node belongs to.
    """

    roots: Any
    depth: int
    modes: Any
    features: Any
    values: Any
    misses: Any
    firsts: Any
    weights: Sequence[tuple[tuple[int, float], ...]]
    trees: Any

    @property
    def is_leaf(self) -> Any:
        """Whether each node is a leaf."""
        return self.modes == LEAF


def flatten(nodes: Callable[[int], Node], roots: Sequence[int]) -> Forest:
    """Return trees as tables.

    Args:
        nodes: Returns a node by its number.
        roots: The number of the first node of each tree.

    Raises:
        ValueError: A tree never ends.
    """
    found: list[Node] = []
    firsts: list[int] = []
    starts: list[int] = []
    trees: list[int] = []
    depth = 0
    for root in roots:
        starts.append(len(found))
        depth = max(depth, _append(found, firsts, nodes, root))
        trees += [len(starts) - 1] * (len(found) - len(trees))
    return _tabulate(found, firsts, trees, starts, depth)


def _append(found: list[Node], firsts: list[int], nodes: Callable[[int], Node], root: int) -> int:
    """Append the nodes of a tree level by level; return the number of its comparisons."""
    seen: set[int] = set()
    level, steps = range(len(found), len(found) + 1), 0
    found.append(nodes(root))
    while level:
        start = len(found)
        for place in level:
            is_leaf = found[place].mode == LEAF
            firsts.append(place if is_leaf else len(found))
            following = () if is_leaf else _in_order(found[place])
            seen.update(following)
            found += [nodes(number) for number in following]
        if len(found) > _MAX_NODES or steps > len(seen):
            raise ValueError("a tree never ends, or shares its nodes too often")
        level = range(start, len(found))
        steps += bool(level)
    return steps


def _in_order(node: Node) -> tuple[int, int]:
    """Return the nodes that follow, that for true of the mode we compute first."""
    true, false = node.follows
    return (false, true) if node.mode in _OPPOSITES else (true, false)


def _tabulate(
    found: list[Node], firsts: list[int], trees: list[int], starts: list[int], depth: int
) -> Forest:
    members = max(len(node.values) for node in found)
    values = [(*node.values, *node.values[-1:] * (members - len(node.values))) for node in found]
    opposite = np.array([node.mode in _OPPOSITES for node in found])
    # NaN is not equal to anything: the one comparison that it passes by itself.
    passes = np.array([node.misses or node.mode == "BRANCH_NEQ" for node in found])
    modes = [_OPPOSITES.get(node.mode, node.mode) for node in found]
    return Forest(
        roots=np.array(starts, np.int32),
        depth=depth,
        modes=np.array(["BRANCH_EQ" if mode == "BRANCH_MEMBER" else mode for mode in modes]),
        features=np.array([node.feature for node in found], np.int32),
        values=np.array(values, np.float64),
        misses=passes != opposite,
        firsts=np.array(firsts, np.int32),
        weights=[node.weights for node in found],
        trees=np.array(trees, np.int32),
    )
