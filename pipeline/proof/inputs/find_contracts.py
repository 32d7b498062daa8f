"""Finders: what a source itself says of its inputs, each fact with its evidence.

A fact that nobody states is left out; nothing is guessed.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.proof.inputs.contract_facts import BYTE, merge_facts, state_fact
from pipeline.proof.inputs.graph_front import FrontRange, GraphFront, read_table_words
from pipeline.proof.inputs.input_shapes import CHANNELS, image_axes
from pipeline.proof.inputs.keras_applications import find_application
from pipeline.proof.inputs.metadata_files import find_beside
from pipeline.records.contract import InputContract
from pipeline.records.signature import SignatureTensor
from pipeline.records.source import Conversion
from pipeline.text.suggest import join_words
from pipeline.tfjs.model.layers_topology import bare_topology, is_layers_model
from pipeline.tfjs.model.model_json import ModelJson
from pipeline.tfjs.model.topology import split_tensor_name

Contracts = Mapping[str, InputContract]
"""By input."""

_NDIM_IMAGE = 4
_BYTES = (0.0, BYTE)


def find_contracts(
    model_json: ModelJson,
    folder: Path,
    inputs: Sequence[SignatureTensor],
    record: Conversion,
    *,
    source: Path | None = None,
) -> dict[str, InputContract]:
    """Return what a source says of each input.

    Args:
        model_json: The model.json of the base.
        folder: The folder with its shards.
        inputs: The inputs of the model.
        record: What the conversion tells of the source.
        source: The source itself, if files beside it may say more.
    """
    front = GraphFront(model_json, folder)
    words = read_table_words(model_json, folder)
    only = _of_only_input(model_json, inputs, source)
    found = {}
    for entry in inputs:
        of_record, of_graph = _of_record(entry, record), _of_graph(entry, front, words)
        stated = merge_facts([*of_record, *of_graph, *only])
        is_id = stated.vocabulary is not None
        found[entry.name] = stated if is_id else merge_facts([stated, *_of_dtype(entry)])
    return found


def _of_only_input(
    model_json: ModelJson, inputs: Sequence[SignatureTensor], source: Path | None
) -> list[InputContract]:
    """Return what the name of a network and files beside it say of a model's only image."""
    if len(inputs) != 1 or inputs[0].dtype != "float32" or not is_picture(inputs[0].shape or ()):
        return []
    topology = model_json.content.get("modelTopology")
    config = bare_topology(topology) if is_layers_model(model_json.content) else {}
    beside = find_beside(source, inputs[0].shape or ()) if source is not None else None
    return [one for one in (beside, find_application(config)) if one is not None]


def _of_record(entry: SignatureTensor, record: Conversion) -> Iterator[InputContract]:
    if entry.name in (record.contracts or {}):
        assert record.contracts is not None
        yield record.contracts[entry.name]
    if entry.name in (record.state or {}):
        yield state_fact("state", entry.name, "the source keeps it from run to run")


def _of_graph(
    entry: SignatureTensor, front: GraphFront, words: Sequence[str]
) -> Iterator[InputContract]:
    node = split_tensor_name(entry.tensor)[0]
    if entry.dtype == "string":
        if words:
            yield state_fact("words", list(words), "keys of the model's lookup tables")
        elif compared := front.compared_words(node):
            yield state_fact("words", compared, "the graph compares it with them")
    elif (vocabulary := front.vocabulary(node)) is not None:
        evidence = f"it indexes a table of {vocabulary:,} rows"
        yield state_fact("vocabulary", vocabulary, evidence)
    elif entry.dtype == "float32" and (
        found := front.pixel_range(node, is_picture=is_picture(entry.shape or ()))
    ):
        yield state_fact("range", found.range, _describe_front(found))
        if found.color is not None:
            order = "red, green and blue" if found.color == "rgb" else "blue, green and red"
            evidence = f"the graph subtracts ImageNet's means of {order}"
            yield state_fact("color", found.color, evidence)


def _describe_front(found: FrontRange) -> str:
    """Return the evidence: "the graph begins with Mul and Sub, which make -1..1 of 0..255"."""
    ends, starts = (f"{low:.3g}..{high:.3g}" for low, high in (found.target, found.range))
    verb = "makes" if len(found.ops) == 1 else "make"
    return f"the graph begins with {join_words(found.ops)}, which {verb} {ends} of {starts}"


def _of_dtype(entry: SignatureTensor) -> Iterator[InputContract]:
    """Yield the range of a picture of whole numbers: those are the pixels themselves."""
    if entry.dtype in ("uint8", "int32", "int64") and is_picture(entry.shape or ()):
        yield state_fact("range", _BYTES, f"pixels of {entry.dtype} are whole numbers")


def is_picture(shape: Sequence[int | None]) -> bool:
    """Return whether an input has axes of height, width and one, three or four channels."""
    axes = image_axes(shape) if len(shape) == _NDIM_IMAGE else None
    return axes is not None and axes[2] is not None and shape[axes[2]] in CHANNELS
