"""Names library functions the same in each run.

TensorFlow numbers the functions that it traces, and its optimizer lists them in any order. Their
names become those of weights, and their order that of the weights in the shards.
"""

import re
from collections.abc import Iterable, Iterator

from tensorflow.core.framework.attr_value_pb2 import NameAttrList
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

_NUMBERS = re.compile(r"^__(?:inference|forward|backward)_|(?:_\d+)+$")


def name_functions(graph_def: GraphDef) -> None:
    """Name and order functions in place by their first callers; drop those without a caller."""
    functions = {function.signature.name: function for function in graph_def.library.function}
    names: dict[str, str] = {}
    waiting = [graph_def.node]
    while waiting:
        for call in _calls(waiting.pop(0)):
            if call.name in functions and call.name not in names:
                names[call.name] = _find_name(call.name, names.values())
                waiting.append(functions[call.name].node_def)
    called = [functions[name] for name in names]
    for nodes in (graph_def.node, *(function.node_def for function in called)):
        for call in _calls(nodes):
            call.name = names.get(call.name, call.name)
    kept = []
    for function in called:
        function.signature.name = names[function.signature.name]
        kept.append(function.SerializeToString(deterministic=True))
    del graph_def.library.function[:]
    for serialized in kept:
        graph_def.library.function.add().ParseFromString(serialized)


def _find_name(name: str, taken: Iterable[str]) -> str:
    """Return a function's name without TensorFlow's numbers, and with a new one: "cond_true_0"."""
    plain = _NUMBERS.sub("", name) or "function"
    used = set(taken)
    return next(new for i in range(len(used) + 1) if (new := f"{plain}_{i}") not in used)


def _calls(nodes: Iterable[NodeDef]) -> Iterator[NameAttrList]:
    """Yield the functions that nodes call, by attribute in the order of their names."""
    for node in nodes:
        for key in sorted(node.attr):
            value = node.attr[key]
            if value.HasField("func"):
                yield value.func
            yield from value.list.func
