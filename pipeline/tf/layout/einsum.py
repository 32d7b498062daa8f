"""Sums of products by letters (Einsum), as products of matrices, sums and products of elements.

TensorFlow.js has no Einsum on wasm, and none with an ellipsis.
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import ConversionError
from pipeline.tf.layout.elementwise import elementwise
from pipeline.tf.layout.reshape import reshape
from pipeline.tf.layout.sizes import Size, is_known, new_size, product
from pipeline.tf.layout.value import (
    Value,
    arrange,
    natural,
    reshape_held,
    sizes_tensor,
    transpose,
    wrap,
)

_DOTS = "..."


@dataclass(frozen=True, kw_only=True)
class _Term:
    """A value with a letter for each axis."""

    letters: str
    value: Value

    def size(self, letter: str) -> Size:
        """Return the size of a letter's axis; 1 where there is none."""
        place = self.letters.find(letter)
        return self.value.sizes[place] if place >= 0 else 1


def einsum(equation: str, values: Sequence[Value]) -> Value:
    """Return the sum of products that an equation asks for.

    Args:
        equation: Letters of the axes of each value, and of the result: "bij,bjk->bik"; without
            the result, its letters are those that come once, sorted. An ellipsis stands for any
            axes, a letter twice in a value for its diagonal.
        values: The values.

    Raises:
        ConversionError: The equation does not fit the values.
    """
    inputs, output = _parse(equation, [value.rank for value in values])
    terms = [
        _take_diagonals(_Term(letters=letters, value=value))
        for letters, value in zip(inputs, values, strict=True)
    ]
    made = terms[0]
    for number, other in enumerate(terms[1:], start=1):
        needed = set(output).union(*(term.letters for term in terms[number + 1 :]))
        made = _multiply(made, other, needed)
    made = _sum_out(made, set(output))
    return transpose(made.value, [made.letters.index(letter) for letter in output])


def _parse(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Return a letter for each axis of each value and of the result; dots become letters."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ranks):
        raise ConversionError(f"the equation {equation!r} is not one of {len(ranks)} values")
    free = [letter for letter in string.ascii_letters if letter not in equation]
    counts = [
        rank - len(text) + len(_DOTS) if _DOTS in text else 0
        for text, rank in zip(inputs, ranks, strict=True)
    ]
    most = max(counts)
    dots = "".join(free[:most])
    written = [
        text.replace(_DOTS, dots[most - count :])
        for text, count in zip(inputs, counts, strict=True)
    ]
    if any(len(text) != rank for text, rank in zip(written, ranks, strict=True)):
        raise ConversionError(f"the equation {equation!r} does not fit values of {ranks} axes")
    if arrow:
        return written, right.replace(_DOTS, dots)
    once = sorted(letter for letter in set(left) - set(".,") if left.count(letter) == 1)
    return written, dots + "".join(once)


def _take_diagonals(term: _Term) -> _Term:
    """Return a term without letters that come twice."""
    for letter in term.letters:
        places = [place for place, each in enumerate(term.letters) if each == letter]
        if len(places) > 1:
            return _take_diagonals(_take_diagonal(term, places[0], places[1]))
    return term


def _take_diagonal(term: _Term, first: int, second: int) -> _Term:
    """Return a term with the diagonal of two axes in the place of the first."""
    value = term.value
    size = value.sizes[first]
    if not is_known(size):
        raise ConversionError("a diagonal of axes of an open size")
    rest = [axis for axis in range(value.rank) if axis not in (first, second)]
    moved = transpose(value, [first, second, *rest])
    flat = reshape(moved, [product(moved.sizes[:2]), *moved.sizes[2:]])
    flat = arrange(flat, natural(flat.rank))
    places = (np.arange(size) * (size + 1)).astype(np.int32)
    taken = wrap(tf.gather(flat.tensor, places), value.dtype, sizes=[size, *flat.sizes[1:]])
    letters = term.letters[first] + "".join(term.letters[axis] for axis in rest)
    return _Term(letters=letters, value=taken)


def _sum_out(term: _Term, needed: set[str]) -> _Term:
    """Return a term summed over the axes whose letters nobody needs."""
    gone = [axis for axis, letter in enumerate(term.letters) if letter not in needed]
    if not gone:
        return term
    value = term.value
    held = tf.reduce_sum(value.tensor, [value.order.index(axis) for axis in gone])
    kept = [axis for axis in range(value.rank) if axis not in gone]
    order = tuple(kept.index(axis) for axis in value.order if axis in kept)
    made = wrap(held, value.dtype, order=order, sizes=[value.sizes[axis] for axis in kept])
    return _Term(letters="".join(term.letters[axis] for axis in kept), value=made)


def _multiply(first: _Term, second: _Term, needed: set[str]) -> _Term:
    """Multiply two terms, and sum over what both have and nobody else needs."""
    first = _sum_out(first, needed | set(second.letters))
    second = _sum_out(second, needed | set(first.letters))
    summed = [letter for letter in first.letters if letter not in needed]
    for letter in summed:
        # An axis of size 1 stands for as many equal elements as the other has.
        if (first.size(letter) == 1) != (second.size(letter) == 1):
            if first.size(letter) == 1:
                second = _sum_out(second, (needed | set(first.letters)) - {letter})
            else:
                first = _sum_out(first, (needed | set(second.letters)) - {letter})
    summed = [letter for letter in summed if letter in first.letters and letter in second.letters]
    if summed:
        return _multiply_matrices(first, second, summed)
    letters = _joined(first.letters, second.letters)
    made = elementwise(tf.multiply, [_spread(each, letters) for each in (first, second)])
    # An axis that only one of both has left, and nobody needs.
    return _sum_out(_Term(letters=letters, value=made), needed)


def _joined(first: str, second: str) -> str:
    return first + "".join(letter for letter in second if letter not in first)


def _spread(term: _Term, letters: str) -> Value:
    """Return a value with an axis for each letter, of size 1 where it has none."""
    own = [letter for letter in letters if letter in term.letters]
    moved = transpose(term.value, [term.letters.index(letter) for letter in own])
    return reshape(moved, [term.size(letter) for letter in letters])


def _multiply_matrices(first: _Term, second: _Term, summed: Sequence[str]) -> _Term:
    """Multiply as matrices: axes of both are batches, those of one are rows or columns."""
    both = [each for each in first.letters if each in second.letters and each not in summed]
    rows = [letter for letter in first.letters if letter not in (*both, *summed)]
    columns = [letter for letter in second.letters if letter not in (*both, *summed)]
    batch = [second.size(c) if first.size(c) == 1 else first.size(c) for c in both]
    left = _as_matrix(first, both, rows, summed)
    right = _as_matrix(second, both, summed, columns)
    if len(both) > 1 and any(first.size(c) != second.size(c) for c in both):
        # TensorFlow.js multiplies matrices wrongly where several batches broadcast.
        left, right = _broadcast(left, batch), _broadcast(right, batch)
    made = tf.matmul(left, right)
    sizes = [
        *batch,
        *(first.size(letter) for letter in rows),
        *(second.size(letter) for letter in columns),
    ]
    held = reshape_held(made, sizes)
    letters = "".join((*both, *rows, *columns))
    return _Term(letters=letters, value=wrap(held, first.value.dtype, sizes=sizes))


def _as_matrix(
    term: _Term, batch: Sequence[str], rows: Sequence[str], columns: Sequence[str]
) -> Any:
    """Return the tensor of a term as matrices."""
    moved = transpose(term.value, [term.letters.index(c) for c in (*batch, *rows, *columns)])
    sizes = [
        *(term.size(letter) for letter in batch),
        product(term.size(letter) for letter in rows),
        product(term.size(letter) for letter in columns),
    ]
    return reshape(moved, sizes).plain


def _broadcast(tensor: Any, batch: Sequence[Size]) -> Any:
    inner = [new_size(tensor, -2), new_size(tensor, -1)]
    own = [
        size if known is None else known
        for size, known in zip(inner, tensor.shape.as_list()[-2:], strict=True)
    ]
    return tf.broadcast_to(tensor, sizes_tensor([*batch, *own]))
