"""Names of layers that are no names of TensorFlow's scopes.

Keras 3 opens a scope of a layer's own name when it is called, and accepts names that TensorFlow
does not: with spaces, brackets, letters of any script. Its variables have them, too.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import tensor as tensors

# What a node's name may have (tensorflow/core/framework/node_def_util.cc); tf.Graph.name_scope
# accepts ">" and a backslash, too. At the outermost level a letter, digit or dot comes first.
_NOT_IN_SCOPES = re.compile(r"[^A-Za-z0-9_./-]")
_FIRST = re.compile(r"^[^A-Za-z0-9.]")


def scope_name(name: str) -> str:
    """Return the name of a scope for a name of a layer: "bn_1__a_" for "bn 1 (a)"."""
    plain = _NOT_IN_SCOPES.sub("_", name)
    return f"layer{plain}" if _FIRST.match(plain) else plain


@contextlib.contextmanager
def any_scope_names() -> Iterator[None]:
    """Let graphs open scopes of any name, and SavedModels hold variables of any name."""
    original, get_op_name = tf.Graph.name_scope, tensors.get_op_name

    def name_scope(graph: Any, name: Any) -> Any:
        return original(graph, scope_name(name) if isinstance(name, str) and name else name)

    tf.Graph.name_scope = name_scope
    tensors.get_op_name = lambda name: name.rpartition(":")[0]  # TensorFlow's takes one colon
    try:
        yield
    finally:
        tf.Graph.name_scope = original
        tensors.get_op_name = get_op_name
