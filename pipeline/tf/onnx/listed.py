"""Sequences and optional values, as far as their number is known before the model runs.

TensorFlow.js has tensors only: a sequence is a tuple of values while the graph is built, and
leaves no trace in it. An optional value that is there is the value itself.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, eq=False)
class Listed:
    """A sequence of values, or an optional value that is not there.

    Attributes:
        items: The values: values, or sequences again.
        is_absent: Whether it is an optional value that is not there.
    """

    items: tuple[Any, ...] = ()
    is_absent: bool = False

    @property
    def dtype(self) -> str:
        """The dtype of its values in the source; "float32" where there are none."""
        return str(self.items[0].dtype) if self.items else "float32"

    @property
    def is_array(self) -> bool:
        """It is no array."""
        return False

    @property
    def is_known(self) -> bool:
        """Whether every number of all its values is known."""
        return all(item.is_known for item in self.items)
