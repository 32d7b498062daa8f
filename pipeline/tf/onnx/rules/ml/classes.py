"""Class labels: numbers, or texts, which are held as numbers beside their names.

TensorFlow.js takes no element out of a tensor of texts. A label that is a text therefore is the
number of its class; the names go with the dtype of the value, and become labels of the output.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.value import Category, Value, narrow, wrap
from pipeline.tf.onnx.call import Call

NAMED = (
    "class labels that are texts are the numbers of the classes in this graph; the catalog names "
    "them"
)


@dataclass(frozen=True, kw_only=True)
class Classes:
    """The classes of a classifier; it has numbers or names.

    Attributes:
        numbers: The label of each class.
        names: The name of each class.
    """

    numbers: tuple[int, ...] = ()
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names) or len(self.numbers)

    @property
    def texts(self) -> list[str]:
        """The label of each class as a text."""
        return list(self.names) or [str(number) for number in self.numbers]


def read_classes(call: Call, numbers: str = "classlabels_ints") -> Classes:
    """Return the classes that a node states.

    Args:
        call: The node.
        numbers: The attribute with labels that are numbers.
    """
    names = tuple(str(name) for name in call.attribute("classlabels_strings") or ())
    if names:
        return Classes(names=names)
    return Classes(numbers=tuple(int(n) for n in call.attribute(numbers) or ()))


def label(call: Call, places: Any, classes: Classes) -> Value:
    """Return the labels of classes.

    Args:
        call: The node.
        places: The place of a class among all, int32, of any shape.
        classes: All classes.
    """
    if classes.names:
        return hold_names(call, places, classes.names)
    return wrap(take(places, np.asarray(classes.numbers, np.int64), "int64"), "int64")


def take(places: Any, table: Any, dtype: str) -> Any:
    """Return numbers of a table; none where each number is its place."""
    if np.array_equal(table, np.arange(len(table))) and not np.issubdtype(table.dtype, np.floating):
        return places
    return tf.gather(tf.constant(narrow(table, dtype)), places)


def hold_names(call: Call, places: Any, names: Sequence[str]) -> Value:
    """Return texts as the numbers of their places among names."""
    call.state.notes[NAMED] = None
    return wrap(places, Category(names))


def name_scores(call: Call, index: int, names: Sequence[str]) -> None:
    """Name the columns of an output, if it is one of the model."""
    if index < len(call.node.outputs) and call.node.outputs[index]:
        call.state.columns[call.node.outputs[index]] = tuple(names)
