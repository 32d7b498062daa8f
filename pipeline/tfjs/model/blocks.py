"""Blocks: slices of a large array, so that a computation on it takes little memory."""

from collections.abc import Iterator


def blocks(size: int, *, length: int) -> Iterator[slice]:
    """Yield slices of `length` values that cover `size` values; the last may be shorter."""
    return (slice(start, start + length) for start in range(0, size, length))
