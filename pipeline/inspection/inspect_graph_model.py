"""Graph models: the description of a TensorFlow.js model.json with a GraphDef.

A file is read as found in the wild: parts that its signature lacks are completed from the graph,
and the description names them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.errors import SignatureError
from pipeline.inspection.description import Description, Ends, Tensor
from pipeline.inspection.effort import Feed, gauge
from pipeline.inspection.inspect_contracts import inspect_contracts
from pipeline.inspection.stored import describe_weights, read_values
from pipeline.records.shape import Shape
from pipeline.records.source import Conversion
from pipeline.tfjs.model.dtypes import js_dtype
from pipeline.tfjs.model.graph_ops import ASYNC_OPS
from pipeline.tfjs.model.model_json import ModelJson, parse_model_json
from pipeline.tfjs.model.normalize import normalize_content
from pipeline.tfjs.model.signature import count_parameters, read_signature
from pipeline.tfjs.model.signature_def import (
    STRUCTURED_OUTPUT_KEYS,
    SignatureDef,
    TensorInfo,
    parse_signature_def,
)
from pipeline.tfjs.model.topology import parse_topology, tensor_name
from pipeline.tfjs.op_support import find_missing_ops
from pipeline.tfjs.shapes.infer_shapes import Body, Graph

# Fields of signatures that descriptions leave out.
_NOT_SHOWN = {"complex_dtype", "step"}


def inspect_graph_model(path: Path, *, shapes: Mapping[str, Shape]) -> Description:
    """Describe a graph model.

    Args:
        path: Its model.json, of whatever name.
        shapes: Sizes of inputs, by name, in place of the stated ones.

    Raises:
        FormatError: It is no graph model.
        SignatureError: Its signature contradicts its graph.
    """
    found = parse_model_json(path.read_bytes(), name=path.name)
    model_json = replace(found, content=normalize_content(found))
    content = model_json.content
    topology = parse_topology(content["modelTopology"])
    signature = parse_signature_def(content)
    reading = read_values(model_json, path.parent)
    called = _describe_call(model_json, signature)
    effort = gauge(
        Graph(
            body=Body(nodes=topology.nodes),
            functions={name: Body(nodes=nodes) for name, nodes in topology.functions.items()},
            constants={"": reading.facts},
        ),
        _feeds(called.inputs, signature.inputs),
        [info.tensor for info in signature.outputs],
        shapes,
    )
    ops = topology.count_ops()
    found_contracts = inspect_contracts(model_json, path, called.inputs)
    return Description(
        format="tfjs_graph_model",
        producer={key: content.get(key) for key in ("generatedBy", "convertedBy")},
        repairs=find_repairs(found.content, parse_signature_def(found.content), signature),
        inputs=called.inputs,
        outputs=called.outputs,
        contracts=found_contracts.contracts,
        unstated=found_contracts.unstated,
        requires_async=called.requires_async,
        ends=Ends(
            inputs=[tensor_name(name) for name in topology.placeholders()],
            outputs=[tensor_name(name) for name in topology.results()],
        ),
        async_ops=sorted(set(ops) & ASYNC_OPS) if called.requires_async else [],
        parameters=count_parameters(model_json),
        weights=describe_weights(model_json.weights, reading),
        ops=ops,
        missing_ops={"tensorflow.js": find_missing_ops(ops, converted=True)},
        multiply_adds=effort.work,
        shapes=effort.shapes,
        faults=[text for text in (reading.fault, called.fault) if text],
    )


def find_repairs(
    content: Mapping[str, Any], stated: SignatureDef, repaired: SignatureDef
) -> list[str]:
    """Return the repairs of a model.json: "dtype of outputs from the graph: Identity:0"."""
    repairs = []
    if "format" not in content:
        repairs.append("no `format`: it is a graph model by its topology")
    metadata = content.get("userDefinedMetadata")
    if not stated.inputs and not stated.outputs:
        repairs.append("no signature: inputs and outputs are the ends of the graph")
        return repairs
    if isinstance(metadata, Mapping) and metadata.get("signature"):
        repairs.append("the signature is under `userDefinedMetadata`, as old converters put it")
    for side in ("inputs", "outputs"):
        before: Sequence[TensorInfo] = getattr(stated, side)
        after: Sequence[TensorInfo] = getattr(repaired, side)
        repairs += _find_side_repairs(side, before, after)
    if isinstance(metadata, Mapping) and STRUCTURED_OUTPUT_KEYS in metadata:
        keys = {info.key for info in stated.outputs}
        named = [info.key for info in repaired.outputs if info.key not in keys]
        if named:
            repairs.append(f"names of outputs from `{STRUCTURED_OUTPUT_KEYS}`: {', '.join(named)}")
    return repairs


def _find_side_repairs(
    side: str, before: Sequence[TensorInfo], after: Sequence[TensorInfo]
) -> list[str]:
    repairs = []
    known = {info.tensor: info for info in before}
    added = [info.key for info in after if info.tensor not in known]
    if added:
        repairs.append(f"{side} that the signature does not list: {', '.join(added)}")
    gone = sorted({info.key for info in before if info.tensor not in {i.tensor for i in after}})
    if gone:
        repairs.append(f"{side} in the signature that the graph lacks: {', '.join(gone)}")
    for what in ("dtype", "shape"):
        filled = [
            info.key
            for info in after
            if info.tensor in known and getattr(info, what) != getattr(known[info.tensor], what)
        ]
        if filled:
            repairs.append(f"{what} of {side} from the graph: {', '.join(filled)}")
    return repairs


@dataclass(frozen=True, kw_only=True)
class _Call:
    """How to call a model, and why a zoo would refuse its signature, None if it would not."""

    inputs: list[Tensor]
    outputs: list[Tensor]
    requires_async: bool
    fault: str | None = None


def _describe_call(model_json: ModelJson, signature: SignatureDef) -> _Call:
    try:
        read = read_signature(model_json, Conversion())
    except SignatureError as error:
        topology = parse_topology(model_json.content["modelTopology"])
        known = [spec.name for spec in model_json.weights]
        known += [info.node for info in signature.inputs]
        nodes = [info.node for info in signature.outputs]
        return _Call(
            inputs=_list_tensors([info for info in signature.inputs if not info.is_resource]),
            outputs=_list_tensors(signature.outputs),
            requires_async=topology.requires_async(nodes, known=known),
            fault=error.message,
        )
    return _Call(
        inputs=[Tensor(**tensor.model_dump(exclude=_NOT_SHOWN)) for tensor in read.inputs],
        outputs=[Tensor(**tensor.model_dump(exclude=_NOT_SHOWN)) for tensor in read.outputs],
        requires_async=read.requires_async,
    )


def _list_tensors(infos: Sequence[TensorInfo]) -> list[Tensor]:
    return [
        Tensor(
            id=i,
            name=info.key,
            tensor=info.tensor,
            dtype=info.dtype,
            js_dtype=js_dtype(info.dtype) if info.dtype else None,
            shape=info.shape,
        )
        for i, info in enumerate(infos)
    ]


def _feeds(tensors: Sequence[Tensor], infos: Sequence[TensorInfo]) -> dict[str, Feed]:
    """Return the inputs by the names that they are shown under."""
    by_tensor: Mapping[str | None, TensorInfo] = {info.tensor: info for info in infos}
    named = ((tensor.name, by_tensor[tensor.tensor]) for tensor in tensors)
    return {name: Feed(node=info.node, shape=info.shape) for name, info in named}
