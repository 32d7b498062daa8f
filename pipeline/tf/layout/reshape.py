"""Reshapes that keep the order in which axes are held, where that is possible."""

from collections.abc import Sequence

from pipeline.tf.layout.sizes import Size, is_known, product
from pipeline.tf.layout.value import Order, Value, arrange, natural, reshape_held

Group = tuple[list[int], list[int]]
"""Axes of a value, and those of its new shape that hold the same elements."""


def reshape(value: Value, sizes: Sequence[Size]) -> Value:
    """Return a value with another shape.

    Axes fall into groups that hold the same elements before and after; (2, 8, 4, 4) and
    (2, 2, 4, 16) have the groups (2 | 2), (8 | 2, 4), (4, 4 | 16). The order of groups stays where
    the axes of each lie together; else the value is rearranged.

    Args:
        value: The value.
        sizes: The new size of each of the model's axes.
    """
    if tuple(sizes) == value.sizes:
        return value
    groups = None if value.is_natural else _group(value.sizes, sizes)
    order = None if groups is None else _follow(value.order, groups)
    if order is None:
        value, order = arrange(value, natural(value.rank)), natural(len(sizes))
    held = reshape_held(value.held, [sizes[axis] for axis in order])
    return Value(held=held, dtype=value.dtype, order=order, sizes=tuple(sizes))


def _group(before: Sequence[Size], after: Sequence[Size]) -> list[Group] | None:
    """Return the smallest groups of axes with the same elements; None where they differ."""
    groups: list[Group] = []
    left, right = 0, 0
    while left < len(before) or right < len(after):
        own: Group = ([], [])
        while True:
            sizes = (product(before[i] for i in own[0]), product(after[i] for i in own[1]))
            if own != ([], []) and sizes[0] == sizes[1]:
                break
            takes_left = right >= len(after) or not own[0] or _is_less(sizes[0], sizes[1])
            if takes_left and left < len(before):
                own[0].append(left)
                left += 1
            elif right < len(after):
                own[1].append(right)
                right += 1
            else:
                return None
        groups.append(own)
    return groups


def _is_less(first: Size, second: Size) -> bool:
    """Return whether a product has to grow to reach another."""
    if is_known(first) and is_known(second):
        return bool(first < second)
    return is_known(first) or not is_known(second)


def _follow(order: Order, groups: Sequence[Group]) -> Order | None:
    """Return the order of the new axes; None where a group does not lie together, in order."""
    result: list[int] = []
    place = 0
    waiting = [group for group in groups if not group[0]]
    by_first = {group[0][0]: group for group in groups if group[0]}
    while place < len(order):
        group = by_first.get(order[place])
        if group is None or list(order[place : place + len(group[0])]) != group[0]:
            return None
        result += group[1]
        place += len(group[0])
    # Axes of size 1 that no axis stands for go first.
    return tuple([axis for group in waiting for axis in group[1]] + result)
