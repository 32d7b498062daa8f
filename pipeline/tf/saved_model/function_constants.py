"""Renames constants of library functions, so that the converter does not break their readers.

The converter puts a function's name before the names of its constants, and also renames every
input that begins with such a name (`rename_constants` in
tensorflowjs/converters/graph_rewrite_util.py). With a constant `slice/stack` it renames an input
`slice/stack_1` as well, but not its node, and TensorFlow.js does not find the node.
"""

from collections.abc import Collection, Mapping

from tensorflow.core.framework.function_pb2 import FunctionDef
from tensorflow.core.framework.graph_pb2 import GraphDef

_SUFFIX = "/constant"


def part_constants(graph_def: GraphDef) -> list[str]:
    """Rename constants in place whose name is a prefix of other nodes; return a sentence on it."""
    count = sum(map(_part_function, graph_def.library.function))
    if not count:
        return []
    reason = (
        "a constant in a function got a name that no other begins with: the converter would "
        "rename what reads the others"
    )
    return [f"{reason} ({count} in this graph)"]


def _part_function(function: FunctionDef) -> int:
    constants = {node.name for node in function.node_def if node.op == "Const"}
    others = {node.name for node in function.node_def} - constants
    others |= {arg.name for arg in function.signature.input_arg}
    renamed: dict[str, str] = {}
    for name in sorted(constants):
        if any(other.startswith(name) for other in others):
            renamed[name] = _find_name(name, others | constants | set(renamed.values()))
    for node in function.node_def if renamed else ():
        node.name = renamed.get(node.name, node.name)
        node.input[:] = [_rename(reference, renamed) for reference in node.input]
    for key, reference in function.ret.items() if renamed else ():
        function.ret[key] = _rename(reference, renamed)
    return len(renamed)


def _find_name(name: str, taken: Collection[str]) -> str:
    """Return a name after this one that is a prefix of no other: "slice/stack/constant"."""
    name += _SUFFIX
    while any(other.startswith(name) for other in taken):
        name += "_"
    return name


def _rename(reference: str, renamed: Mapping[str, str]) -> str:
    control = "^" if reference.startswith("^") else ""
    name, colon, rest = reference.removeprefix("^").partition(":")
    return f"{control}{renamed.get(name, name)}{colon}{rest}"
