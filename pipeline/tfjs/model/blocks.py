"""Blocks of a large array, so that what is computed of it takes little memory at a time."""

from collections.abc import Iterator


def blocks(size: int, *, length: int) -> Iterator[slice]:
    """Yield slices that cover `size` values, each of `length` values, the last maybe of fewer."""
    return (slice(start, start + length) for start in range(0, size, length))
