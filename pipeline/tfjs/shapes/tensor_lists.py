"""Lists: the shape of the elements that a loop has written into a tensor list or tensor array.

`tf.map_fn` becomes a loop that writes one element a round, and a stack of the elements behind
it. All elements have the shape of any value written. It opens no file.
"""

from collections.abc import Callable, Mapping, Sequence

from pipeline.tfjs.model.inference import merge_shapes
from pipeline.tfjs.model.topology import Node, split_tensor_name
from pipeline.tfjs.shapes.facts import UNKNOWN, Call, Fact

Read = Callable[[str], Fact]

# Ops that hand on a list (or the flow of an array), which is their first input.
_PASSING = frozenset({"Enter", "Exit", "Identity", "Merge", "NextIteration", "Switch"})
# The inputs of a write that hold the list and the value.
_WRITES = {"TensorListSetItem": (0, 2), "TensorArrayWriteV3": (3, 2)}
# The input of a stack that holds the list.
_STACKS = {"TensorListStack": 0, "TensorArrayGatherV3": 2}


def list_facts(call: Call, nodes: Mapping[str, Node], read: Read) -> Sequence[Fact]:
    """Return what is known of the outputs of an op on lists; nothing of any other op.

    Args:
        call: The node.
        nodes: Its graph.
        read: Returns what is known of a tensor.
    """
    match call.node.op:
        case "TensorListFromTensor":
            shape = call.fact(0).shape
            return [Fact(shape=(), held=shape[1:] if shape else None)]
        case "TensorListGetItem":
            return [Fact(shape=call.fact(0).held)]
        case op if op in _STACKS and len(call.inputs) > _STACKS[op]:
            return [_stack(call, nodes, read)]
    return ()


def _stack(call: Call, nodes: Mapping[str, Node], read: Read) -> Fact:
    """Return what is known of a stack of all elements of a list."""
    writes, count = _trace(call.node.data_inputs[_STACKS[call.node.op]], nodes, read)
    if call.node.op == "TensorArrayGatherV3":
        count = call.fact(1).length
    element = call.shape("element_shape")
    for write in writes:
        value = read(write.data_inputs[_WRITES[write.op][1]]).shape
        try:
            element = merge_shapes(element, value)
        except ValueError:
            return UNKNOWN
    return UNKNOWN if element is None else Fact(shape=(count, *element))


def _trace(tensor: str, nodes: Mapping[str, Node], read: Read) -> tuple[list[Node], int | None]:
    """Return the writes into a list, and its number of elements if it was made with a number."""
    writes: list[Node] = []
    count = None
    seen: set[str] = set()
    pending = [tensor]
    while pending:
        node = nodes.get(split_tensor_name(pending.pop())[0])
        if node is None or node.name in seen:
            continue
        seen.add(node.name)
        if node.op in _PASSING:
            pending += node.data_inputs if node.op == "Merge" else node.data_inputs[:1]
        elif node.op in _WRITES and len(node.data_inputs) > max(_WRITES[node.op]):
            writes.append(node)
            pending.append(node.data_inputs[_WRITES[node.op][0]])
        elif node.op == "TensorListReserve" and len(node.data_inputs) > 1:
            count = read(node.data_inputs[1]).scalar
    return writes, count
