"""Operators that run other subgraphs of the file, and resource variables."""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.tflite.call import Call, Table, Value, rows


def _if(call: Call) -> Any:
    condition = tf.reshape(tf.convert_to_tensor(call.held[0]), [])
    arguments = list(call.held[1:])

    def branch(option: str) -> Any:
        return lambda: [
            tf.convert_to_tensor(each) for each in _build(call, call.option(option), arguments)
        ]

    return tf.cond(condition, branch("thenSubgraphIndex"), branch("elseSubgraphIndex"))


def _while(call: Call) -> Any:
    start = [tf.convert_to_tensor(each) for each in call.held]

    def condition(*values: Any) -> Any:
        return tf.reshape(_build(call, call.option("condSubgraphIndex"), values)[0], [])

    def body(*values: Any) -> Any:
        made = _build(call, call.option("bodySubgraphIndex"), values)
        return [tf.convert_to_tensor(each) for each in made]

    try:
        return tf.while_loop(condition, body, start)
    except ValueError:
        # A value changes its shape on the way.
        shapes = [tf.TensorShape([None] * len(each.shape)) for each in start]
        return tf.while_loop(condition, body, start, shape_invariants=shapes)


def _build(call: Call, subgraph: int, values: Any) -> list[Value]:
    """Build a subgraph that may be run, or not; it may assign no variable."""
    before = dict(call.state.variables)
    made = call.state.build(subgraph, list(values))
    if any(call.state.variables.get(name) is not value for name, value in before.items()):
        raise call.refuse("a variable is assigned inside of a branch or loop")
    return made


def _call_once(call: Call) -> Any:
    """Run what fills the variables, but for those that are inputs of the graph."""
    given = dict(call.state.variables)
    call.state.build(call.option("initSubgraphIndex"), [])
    call.state.variables.update(given)
    return []


def variable_name(call: Call) -> str:
    """Return the name of a variable, from the options of VAR_HANDLE."""
    name = call.option("sharedName", b"")
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def _handle(call: Call) -> Any:
    return np.array(variable_name(call), object)


def _read(call: Call) -> Any:
    name = str(call.held[0])
    if name not in call.state.variables:
        raise call.refuse(f"the variable {name!r} has no value")
    return call.state.variables[name]


def _assign(call: Call) -> Any:
    call.state.variables[str(call.held[0])] = call.held[1]
    return []


def _composite(call: Call) -> Any:
    """Run the decomposition of a composite operator: it computes the same."""
    return call.state.build(call.option("decompositionSubgraphIndex"), list(call.held))


HELD: Table = rows(
    {
        "IF": _if,
        "WHILE": _while,
        "CALL_ONCE": _call_once,
        "VAR_HANDLE": _handle,
        "READ_VARIABLE": _read,
        "ASSIGN_VARIABLE": _assign,
        "STABLEHLO_COMPOSITE": _composite,
    }
)
"""Operators that take and return held values, whatever these stand for."""
