"""Tables from files: makes constants of the file that fills a lookup table.

TensorFlow itself reads the file, so that lines, columns and numbers are the same as in the model.
Only files in the model's own folder are read.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from pipeline.errors import FormatError
from pipeline.tf.untrusted.origins import PASSING

Array = npt.NDArray[Any]

_FILLS = {
    "InitializeTableFromTextFile": "InitializeTable",
    "InitializeTableFromTextFileV2": "InitializeTableV2",
}


def fill_tables(initializer: GraphDef, *, source: Path) -> tuple[GraphDef, list[str]]:
    """Return an initializer that has the contents of the model's files as constants.

    Args:
        initializer: The graph that fills the tables, with the paths of files on this machine.
        source: The model's folder. A file elsewhere is not read; its readers stay.

    Returns:
        The graph, and a sentence if it changed; else the same graph, and no sentence.

    Raises:
        FormatError: A file is missing, or TensorFlow cannot read a table from it.
    """
    nodes = {node.name: node for node in initializer.node}
    filled = GraphDef(versions=initializer.versions, library=initializer.library)
    count = 0
    for node in initializer.node:
        path = _find_file(node, nodes, source) if node.op in _FILLS else None
        table = _follow(node.input[0], nodes) if path else None
        if path is None or table is None:
            filled.node.add().CopyFrom(node)
        else:
            filled.node.extend(_write_constants(node, *_read_table(node, table, path)))
            count += 1
    if not count:
        return initializer, []
    reason = "a lookup table is filled from constants: TensorFlow.js reads no files"
    return filled, [f"{reason} ({count} in this graph)"]


def _find_file(node: NodeDef, nodes: Mapping[str, NodeDef], source: Path) -> Path | None:
    """Return the path of the file that fills a table, None if it is outside the model's folder."""
    constant = _follow(node.input[1], nodes)
    if constant is None or constant.op != "Const":
        return None
    name = tf.make_ndarray(constant.attr["value"].tensor).item()
    path = Path(name.decode()).resolve()
    return path if path.is_relative_to(source.resolve()) else None


def _follow(reference: str, nodes: Mapping[str, NodeDef]) -> NodeDef | None:
    node = nodes.get(reference.partition(":")[0])
    while node is not None and node.op in PASSING:
        node = nodes.get(node.input[0].partition(":")[0])
    return node


def _read_table(node: NodeDef, table: NodeDef, path: Path) -> tuple[Array, Array]:
    """Return keys and values of a file, sorted by key."""
    key, value = (tf.as_dtype(table.attr[name].type) for name in ("key_dtype", "value_dtype"))
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        handle = tf.raw_ops.HashTableV2(key_dtype=key, value_dtype=value)
        fill = tf.raw_ops.InitializeTableFromTextFileV2(
            table_handle=handle,
            filename=str(path),
            key_index=node.attr["key_index"].i,
            value_index=node.attr["value_index"].i,
            vocab_size=node.attr["vocab_size"].i if "vocab_size" in node.attr else -1,
            delimiter=node.attr["delimiter"].s or b"\t",
            offset=node.attr["offset"].i,
        )
        contents = tf.raw_ops.LookupTableExportV2(table_handle=handle, Tkeys=key, Tvalues=value)
        try:
            session.run(fill)
            keys, values = session.run(contents)
        except tf.errors.OpError as error:
            reason = error.message.partition("\n")[0].replace(f"{path.parent}/", "")
            raise FormatError(
                f"the lookup table in {path.name} cannot be read: {reason}"
            ) from error
    order = np.argsort(keys)
    return keys[order], values[order]


def _write_constants(node: NodeDef, keys: Array, values: Array) -> list[NodeDef]:
    """Return nodes that fill the table of a node with keys and values."""
    made = [
        _constant(f"{node.name}/{part}", array)
        for part, array in (("keys", keys), ("values", values))
    ]
    fill = NodeDef(name=node.name, op=_FILLS[node.op], device=node.device)
    controls = [name for name in node.input if name.startswith("^")]
    fill.input.extend([node.input[0], *(one.name for one in made), *controls])
    fill.attr["Tkey"].CopyFrom(made[0].attr["dtype"])
    fill.attr["Tval"].CopyFrom(made[1].attr["dtype"])
    return [*made, fill]


def _constant(name: str, array: Array) -> NodeDef:
    dtype = tf.string if array.dtype == object else tf.as_dtype(array.dtype)
    node = NodeDef(name=name, op="Const")
    node.attr["dtype"].type = dtype.as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(array, dtype))
    return node
