"""Streams: random numbers that follow from a text alone.

The bits are those of Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2,
3", 2011), keyed by the SHA-256 of the text. NumPy keeps the stream of a bit generator for ever
(NEP 19) but not the numbers of its `Generator`. So this module makes integers and fractions itself,
in exact arithmetic.
"""

import hashlib
import math

import numpy as np
import numpy.typing as npt

from pipeline.tfjs.model.weights import Array

_KEY_BYTES = 16
_FRACTION_BITS = 53


class Stream:
    """Random numbers that follow from words.

    Args:
        words: The purpose of the numbers; other words give other numbers.
    """

    def __init__(self, *words: object) -> None:
        text = "\n".join(str(word) for word in words)
        digest = hashlib.sha256(text.encode()).digest()
        self._bits = np.random.Philox(key=int.from_bytes(digest[:_KEY_BYTES], "little"))

    def fractions(self, *shape: int) -> npt.NDArray[np.float64]:
        """Return numbers of at least 0 and below 1, evenly spread."""
        raw = self._raw(shape) >> np.uint64(64 - _FRACTION_BITS)
        return raw.astype(np.float64) * 2.0**-_FRACTION_BITS

    def between(self, low: float, high: float) -> float:
        """Return a number between `low` and `high`, evenly spread."""
        return low + (high - low) * float(self.fractions(1)[0])

    def integers(self, low: int, high: int, *shape: int) -> npt.NDArray[np.int64]:
        """Return integers from `low` to `high - 1`; the span is at most 2^32."""
        raw = self._raw(shape) >> np.uint64(32)
        return (low + (raw * np.uint64(high - low) >> np.uint64(32)).astype(np.int64)).astype(
            np.int64
        )

    def bells(self, *shape: int) -> npt.NDArray[np.float64]:
        """Return numbers of mean 0 and variance 1, bell-shaped: each is a sum of four fractions."""
        sums: npt.NDArray[np.float64] = self.fractions(*shape, 4).sum(axis=-1)
        return (sums - 2.0) * math.sqrt(3.0)

    def _raw(self, shape: tuple[int, ...]) -> npt.NDArray[np.uint64]:
        raw: Array = self._bits.random_raw(math.prod(shape))
        return np.asarray(raw, np.uint64).reshape(shape)
