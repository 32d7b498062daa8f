"""Sizes that are not known before a model runs, as sums of products of symbols.

A model leaves the size of its batch or its image open; sizes of inner tensors then are
expressions of these: `(height - 1) // 2 + 1` behind a convolution with stride 2. Two sizes are
equal where their expressions are. Where a graph needs the number, `materialize` writes the
expression into it.
"""

import functools
import itertools
import math
import operator
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard
from weakref import WeakKeyDictionary

import tensorflow as tf

_numbers = itertools.count()


@dataclass(frozen=True)
class Symbol:
    """An unknown size: that of one axis of a tensor.

    Attributes:
        name: Two symbols of one name are the same size.
        tensor: A tensor that has an axis of this size.
        axis: The axis.
    """

    name: str
    tensor: Any = field(compare=False, repr=False, default=None)
    axis: int = field(compare=False, repr=False, default=0)


@dataclass(frozen=True)
class Quotient:
    """A size divided by another, rounded down."""

    size: "Sum"
    by: "Size"


Atom = Symbol | Quotient
_Terms = Mapping[tuple[Atom, ...], int]


@dataclass(frozen=True)
class Sum:
    """An unknown size: the sum of products of atoms, each with a factor.

    Attributes:
        terms: Pairs of the atoms of a product, in a fixed order, and its factor.
    """

    terms: frozenset[tuple[tuple[Atom, ...], int]]

    def __add__(self, other: "Size") -> "Size":
        terms = dict(self.terms)
        for atoms, factor in _terms(other).items():
            terms[atoms] = terms.get(atoms, 0) + factor
        return _size(terms)

    def __neg__(self) -> "Size":
        return _size({atoms: -factor for atoms, factor in self.terms})

    def __sub__(self, other: "Size") -> "Size":
        return self + (-other)

    def __rsub__(self, other: "Size") -> "Size":
        return (-self) + other

    def __mul__(self, other: "Size") -> "Size":
        terms: dict[tuple[Atom, ...], int] = {}
        for atoms, factor in self.terms:
            for others, by in _terms(other).items():
                product = tuple(sorted((*atoms, *others), key=repr))
                terms[product] = terms.get(product, 0) + factor * by
        return _size(terms)

    def __floordiv__(self, other: "Size") -> "Size":
        if isinstance(other, int) and other > 0:
            whole = {atoms: n // other for atoms, n in self.terms if n % other == 0}
            rest = {atoms: n for atoms, n in self.terms if n % other}
            if set(rest) <= {()}:
                return _size(whole) + rest.get((), 0) // other
            return _size(whole) + _atom(Quotient(_as_sum(_size(rest)), other))
        exact = _divide(self, other)
        return _atom(Quotient(self, other)) if exact is None else exact

    def __rfloordiv__(self, other: int) -> "Size":
        return 0 if other == 0 else _atom(Quotient(_as_sum(other), self))

    def __mod__(self, other: "Size") -> "Size":
        return self - (self // other) * other

    def __rmod__(self, other: int) -> "Size":
        return other - (other // self) * self

    __radd__ = __add__
    __rmul__ = __mul__


Size = int | Sum
"""The size of an axis: a number, or an expression of symbols."""


def new_size(tensor: Any, axis: int, name: str | None = None) -> Size:
    """Return the unknown size of an axis of a tensor.

    Args:
        tensor: A tensor of TensorFlow.
        axis: Its axis.
        name: A name for it, where sizes of one name are equal; None for a size of its own.
    """
    return _atom(Symbol(name or f"#{next(_numbers)}", tensor, axis))


def is_known(size: Size) -> TypeGuard[int]:
    """Return whether a size is a number."""
    return not isinstance(size, Sum)


def number_of(size: Size) -> int:
    """Return a size that is a number."""
    assert is_known(size)
    return int(size)


def is_visible(size: Size) -> bool:
    """Return whether the graph that is being built, or one around it, can compute a size."""
    if not isinstance(size, Sum):
        return True
    return all(_is_visible(atom) for atoms, _ in size.terms for atom in atoms)


def _is_visible(atom: "Atom") -> bool:
    if isinstance(atom, Quotient):
        return is_visible(atom.size) and is_visible(atom.by)
    graph = tf.compat.v1.get_default_graph()
    while graph is not None and graph is not atom.tensor.graph:
        graph = getattr(graph, "outer_graph", None)
    return graph is not None


def is_natural_number(size: Size, sizes: Collection[Size] = ()) -> bool:
    """Return whether a size, or what is computed from sizes, is never below zero, for certain.

    Args:
        size: The expression.
        sizes: Expressions that are the size of an axis, or a product of such.
    """
    return size in sizes or _find_least(size) >= 0


def _find_least(size: Size) -> float:
    """Return a number that an expression is never below, minus infinity where there is none."""
    return sum(_find_least_product(*term) for term in _terms(size).items())


def _find_least_product(atoms: tuple[Atom, ...], factor: int) -> float:
    if not atoms:
        return factor
    least = [_find_least_atom(atom) for atom in atoms]
    if factor > 0 and (len(atoms) == 1 or min(least) >= 0):
        return factor * math.prod(least)
    return -math.inf


def _find_least_atom(atom: Atom) -> float:
    if isinstance(atom, Symbol):
        return 0
    least = _find_least(atom.size)
    if is_known(atom.by) and atom.by > 0 and least > -math.inf:
        return least // atom.by
    return 0 if least >= 0 and _find_least(atom.by) >= 0 else -math.inf


def broadcast(sizes: Sequence[Size]) -> Size | None:
    """Return the size that axes of these sizes broadcast to; None where that depends on them.

    An open size may be 1 when the model runs: beside a number it is this number, beside another
    open size either of the two.
    """
    known = [size for size in sizes if is_known(size) and size != 1]
    if known:
        return known[0]
    unknown = [size for size in sizes if not is_known(size)]
    if any(size != unknown[0] for size in unknown):
        return None
    return unknown[0] if unknown else 1


def product(sizes: Iterable[Size]) -> Size:
    """Return the product of sizes."""
    result: Size = 1
    for size in sizes:
        result = result * size
    return result


def materialize(size: Size) -> Any:
    """Return a size as a number, or as a scalar of int32 in the graph.

    Each size is computed once in a graph.
    """
    if not isinstance(size, Sum):
        return int(size)
    if tf.executing_eagerly():
        return _add_up(size)
    made = _made.setdefault(tf.compat.v1.get_default_graph(), {})
    if size not in made:
        made[size] = _add_up(size)
    return made[size]


_made: WeakKeyDictionary[Any, dict[Any, Any]] = WeakKeyDictionary()


def _add_up(size: Sum) -> Any:
    products = []
    for atoms, factor in sorted(size.terms, key=repr):
        parts = [*map(_value_of, atoms), *([factor] if factor != 1 or not atoms else [])]
        products.append(functools.reduce(operator.mul, parts))
    return functools.reduce(operator.add, products)


def _value_of(atom: Atom) -> Any:
    if isinstance(atom, Quotient):
        return tf.math.floordiv(materialize(atom.size), materialize(atom.by))
    if tf.executing_eagerly():
        return tf.shape(atom.tensor)[atom.axis]
    made = _made.setdefault(tf.compat.v1.get_default_graph(), {})
    if atom not in made:
        made[atom] = tf.shape(atom.tensor)[atom.axis]
    return made[atom]


def _terms(size: Size) -> _Terms:
    return dict(size.terms) if isinstance(size, Sum) else ({(): int(size)} if size else {})


def _size(terms: _Terms) -> Size:
    kept = {atoms: factor for atoms, factor in terms.items() if factor}
    return kept.get((), 0) if set(kept) <= {()} else Sum(frozenset(kept.items()))


def _as_sum(size: Size) -> Sum:
    return size if isinstance(size, Sum) else Sum(frozenset(_terms(size).items()))


def _atom(atom: Atom) -> Size:
    return Sum(frozenset({((atom,), 1)}))


def _divide(size: Sum, by: Size) -> Size | None:
    """Return the quotient of a size and a single product, where it has no rest; else None."""
    divisor = _terms(by)
    if size == by:
        return 1
    if len(divisor) != 1:
        return None
    (atoms, factor), terms = next(iter(divisor.items())), {}
    for own, number in size.terms:
        left = list(own)
        for atom in atoms:
            if atom not in left:
                return None
            left.remove(atom)
        if number % factor:
            return None
        terms[tuple(left)] = number // factor
    return _size(terms)
