"""Cuts a frozen signature behind the ops that fetch its data; see `pipeline.tf.cut_front`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.records.source import StatedSignature, StatedTensor
from pipeline.tf.cut_front import Cut, cut_front
from pipeline.tf.import_graph import import_graph
from pipeline.tf.saved_model.freeze import Frozen
from pipeline.tf.saved_model.signatures import NamedTensor


def part_node(part: NamedTensor) -> str:
    """Return the name of the node of a named tensor in the frozen graph: "image_bytes"."""
    return (part.inner or part.outer).partition(":")[0]


def cut_frozen(frozen: Frozen) -> tuple[Frozen, Cut | None]:
    """Return a signature without the ops that fetch its data, and the cut; None if it has none.

    A graph with tables or state is left as it is.
    """
    cut = cut_front(frozen.graph_def)
    if cut is None or frozen.state or frozen.initializer_graph is not None:
        return frozen, None
    graph = import_graph(cut.graph)
    kept = [tensor.name for tensor in frozen.inputs if tensor.op.name not in cut.fetched]
    names = [*kept, *(f"{name}:0" for name in cut.inputs)]
    return replace(
        frozen,
        graph=graph,
        inputs=[graph.get_tensor_by_name(name) for name in names],
        outputs=[graph.get_tensor_by_name(tensor.name) for tensor in frozen.outputs],
    ), cut


def name_inputs(cut: Cut, old: Sequence[NamedTensor]) -> dict[str, str]:
    """Return the tensors of the new inputs by name: `{"image": "decode/DecodeImage:0"}`.

    The only image that an old input held has its name.
    """
    names = {part_node(part): part.name for part in old}
    held = list(cut.images.values())
    found = {}
    for place in cut.inputs:
        origin = cut.images.get(place, "")
        is_only = held.count(origin) == 1 and origin in cut.fetched
        found[names[origin] if is_only else place] = f"{place}:0"
    return found


def without_front(
    stated: StatedSignature, frozen: Frozen, fetched: Mapping[str, str], given: Sequence[str]
) -> StatedSignature:
    """Return a signature with the results of what was cut off in place of its inputs.

    Args:
        stated: The signature of the source.
        frozen: The frozen signature after the cut.
        fetched: Tensors of the new inputs, by name.
        given: Names of the inputs that are left.
    """
    tensors = {tensor.name: tensor for tensor in frozen.inputs}
    inputs = {name: stated.inputs[name] for name in given}
    for name, place in fetched.items():
        tensor = tensors[place]
        shape = None if tensor.shape.rank is None else tuple(tensor.shape.as_list())
        inputs[name] = StatedTensor(tensor=place, dtype=tensor.dtype.name, shape=shape)
    return stated.model_copy(update={"inputs": inputs})
