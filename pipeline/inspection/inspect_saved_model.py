"""SavedModels, frozen graphs and Keras models: their description, without converting them.

A TensorFlow child process reads the files, and returns graphs as plain values. Shapes and
multiply-adds are inferred here, as for a graph model.
"""

import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.inspection.description import (
    Checkpoint,
    DescribedSignature,
    Description,
    NonFinite,
    Tensor,
    Weight,
    Weights,
)
from pipeline.inspection.effort import Feed, gauge
from pipeline.inspection.inspect_contracts import list_ranges_unstated
from pipeline.inspection.stored import count_weights
from pipeline.records.contract import InputContract
from pipeline.records.shape import Shape
from pipeline.tfjs.model.dtypes import js_dtype, parse_dtype
from pipeline.tfjs.model.inference import parse_shape
from pipeline.tfjs.model.topology import Node, split_tensor_name
from pipeline.tfjs.op_support import find_missing_ops
from pipeline.tfjs.shapes.facts import Fact
from pipeline.tfjs.shapes.infer_shapes import VARIABLES, Body, Graph, Visit
from pipeline.workers.pool import TensorFlowPool

DEFAULT_KEY = "serving_default"

_READERS = {
    "tf_saved_model": "pipeline.tf.saved_model.summary:summarize_saved_model",
    "tf_frozen_model": "pipeline.tf.frozen.frozen_summary:summarize_frozen_graph",
    "keras": "pipeline.tf.keras.keras_summary:summarize_keras",
    "keras_keras": "pipeline.tf.keras.keras_summary:summarize_keras",
}
"""The function that summarizes a model, by format."""

_ITEM_SIZES = {
    "bfloat16": 2,
    "bool": 1,
    "complex128": 16,
    "complex64": 8,
    "float16": 2,
    "float32": 4,
    "float64": 8,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "int8": 1,
    "uint16": 2,
    "uint32": 4,
    "uint64": 8,
    "uint8": 1,
}
_FLOATING = ("bfloat16", "float16", "float32", "float64", "complex64", "complex128")


def inspect_saved_model(
    path: Path,
    model_format: str,
    *,
    shapes: Mapping[str, Shape],
    announce: Callable[[str], None],
) -> Description:
    """Describe a model whose graph TensorFlow has to read.

    Args:
        path: The file; of a SavedModel the folder of saved_model.pb.
        model_format: Its format: "tf_saved_model", "tf_frozen_model", "keras" or "keras_keras".
        shapes: Sizes of inputs, by name, in place of the stated ones.
        announce: Called with a sentence before TensorFlow starts, which takes seconds.

    Raises:
        PipelineError: It is no such model, not whole, or would run code; the message says it.
        WorkerError: TensorFlow cannot be started here.
    """
    summary = _summarize(path, model_format, announce)
    graphs = summary["graphs"]
    signatures: dict[str, DescribedSignature] = {}
    constants: dict[str, Mapping[str, Any]] = {}
    used: dict[str, Mapping[str, Any]] = {}
    run: dict[tuple[str, ...], str] = {}  # op by graph, function and node
    # A key that several graphs have is that of `serve`.
    for graph in sorted(graphs, key=lambda graph: graph["tags"] != ["serve"]):
        for key, signature in graph["signatures"].items():
            if key not in signatures:
                signatures[key], visits = _describe_signature(graph, signature, shapes)
                run |= {(*graph["tags"], v.body, v.node.name): v.node.op for v in visits}
                constants |= _reached_constants(graph, visits)
                used |= _find_variables(visit.node for visit in visits)
    if not signatures:
        nodes = (node for graph in graphs for node in _parse_nodes(graph["nodes"]).values())
        used = _find_variables(nodes)
    chosen = _choose(signatures)
    default = signatures[chosen] if chosen else None
    variables = list(used.values())
    stated = summary.get("contracts", {})
    contracts = {name: InputContract.model_validate(one) for name, one in stated.items()}
    of_format = _of_saved_model(summary, used) if model_format == "tf_saved_model" else {}
    return Description(
        format=model_format,
        producer={
            "generatedBy": summary.get("producer") or graphs[0]["producer"],
            "convertedBy": None,
        },
        signature_key=chosen,
        signatures=signatures,
        inputs=default.inputs if default else None,
        outputs=default.outputs if default else None,
        multiply_adds=default.multiply_adds if default else None,
        shapes=default.shapes if default else None,
        functions=sum(len(graph["functions"]) for graph in graphs),
        parameters=_count_floats(variables) + _count_floats(constants.values()),
        weights=_count_weights(
            [*variables, *constants.values()],
            broken=[*summary["variables"], *constants.values()],
        ),
        ops=_count_ops(run.values()),
        all_ops=_count_ops(_all_ops(graphs)),
        missing_ops={"tensorflow.js": find_missing_ops(run.values(), converted=False)},
        contracts=contracts,
        unstated=list_ranges_unstated(default.inputs, contracts) if default else [],
        faults=(
            *(g[name] for g in graphs for name in ("untrusted", "narrowed") if g[name]),
            *summary.get("remarks", ()),
        ),
        **of_format,
        **{key: summary[key] for key in ("layers", "possible_outputs") if summary.get(key)},
    )


def _of_saved_model(
    summary: Mapping[str, Any], used: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the fields that only a SavedModel has."""
    checkpoint = [_describe_weight(entry) for entry in summary["variables"]]
    return {
        "tags": [graph["tags"] for graph in summary["graphs"]],
        "variable_parameters": _count_floats(used.values()),
        "checkpoint": Checkpoint(
            count=len(checkpoint),
            bytes=sum(weight.bytes for weight in checkpoint),
            used_bytes=sum(_describe_weight(entry).bytes for entry in used.values()),
        ),
    }


def _describe_signature(
    graph: Mapping[str, Any], signature: Mapping[str, Any], shapes: Mapping[str, Shape]
) -> tuple[DescribedSignature, Sequence[Visit]]:
    """Return a signature, and all nodes that it runs."""
    inputs, outputs = (_list_tensors(signature[side]) for side in ("inputs", "outputs"))
    effort = gauge(
        _graph(graph),
        {
            tensor.name: Feed(node=split_tensor_name(tensor.tensor or "")[0], shape=tensor.shape)
            for tensor in inputs
        },
        [tensor.tensor or "" for tensor in outputs],
        shapes,
    )
    described = DescribedSignature(
        tags=graph["tags"],
        inputs=inputs,
        outputs=outputs,
        multiply_adds=effort.work,
        shapes=effort.shapes,
    )
    return described, effort.visits


def _reached_constants(
    graph: Mapping[str, Any], visits: Iterable[Visit]
) -> dict[str, Mapping[str, Any]]:
    """Return the constants among the nodes that run, by a name that begins with their function."""
    reached: dict[str, Mapping[str, Any]] = {}
    for visit in visits:
        entry = graph["constants"].get(visit.body, {}).get(visit.node.name)
        if entry is not None:
            name = f"{visit.body}/{visit.node.name}" if visit.body else visit.node.name
            reached[name] = {"name": name, **entry}
    return reached


def _find_variables(nodes: Iterable[Node]) -> dict[str, Mapping[str, Any]]:
    """Return the variables among nodes, by name, each with the shape and dtype of its node."""
    found: dict[str, Mapping[str, Any]] = {}
    for node in nodes:
        if node.op in VARIABLES:
            shape = parse_shape(node.attrs.get("shape", {}).get("shape")) or ()
            dtype = parse_dtype(node.attrs.get("dtype", {}).get("type")) or "float32"
            sizes = [0 if size is None else size for size in shape]
            found[node.name] = {"name": node.name, "dtype": dtype, "shape": sizes}
    return found


def _count_floats(entries: Iterable[Mapping[str, Any]]) -> int:
    return sum(math.prod(entry["shape"]) for entry in entries if entry["dtype"] in _FLOATING)


def _graph(graph: Mapping[str, Any]) -> Graph:
    functions = {
        name: Body(
            nodes=_parse_nodes(
                [*({"name": a, "op": "_Arg"} for a in body["arguments"]), *body["nodes"]]
            ),
            arguments=body["arguments"],
            results=body["results"],
        )
        for name, body in graph["functions"].items()
    }
    constants = {
        body: {
            name: Fact(
                shape=tuple(entry["shape"]),
                values=tuple(entry["values"]) if "values" in entry else None,
            )
            for name, entry in entries.items()
        }
        for body, entries in graph["constants"].items()
    }
    nodes = _parse_nodes(graph["nodes"])
    return Graph(body=Body(nodes=nodes), functions=functions, constants=constants)


def _parse_nodes(wire: Iterable[Mapping[str, Any]]) -> dict[str, Node]:
    return {
        entry["name"]: Node(
            name=entry["name"],
            op=entry["op"],
            inputs=tuple(entry.get("input", ())),
            attrs=entry.get("attr", {}),
        )
        for entry in wire
    }


def _list_tensors(tensors: Mapping[str, Mapping[str, Any]]) -> list[Tensor]:
    return [
        Tensor(id=i, name=name, **entry, js_dtype=js_dtype(entry["dtype"] or ""))
        for i, (name, entry) in enumerate(tensors.items())
    ]


def _choose(signatures: Mapping[str, Any]) -> str | None:
    if DEFAULT_KEY in signatures:
        return DEFAULT_KEY
    return next(iter(signatures)) if len(signatures) == 1 else None


def _all_ops(graphs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the op of every node in the graphs and their functions."""
    for graph in graphs:
        for nodes in (graph["nodes"], *(f["nodes"] for f in graph["functions"].values())):
            yield from (node["op"] for node in nodes)


def _count_ops(ops: Iterable[str]) -> dict[str, int]:
    """Return how often each op stands there, but for constants and arguments."""
    counts = Counter(op for op in ops if op not in ("Const", "_Arg"))
    return dict(sorted(counts.items()))


def _count_weights(
    entries: Sequence[Mapping[str, Any]], *, broken: Sequence[Mapping[str, Any]]
) -> Weights:
    weights = [_describe_weight(entry) for entry in entries]
    return count_weights(
        weights,
        tfjs_bytes=sum(
            _ITEM_SIZES.get(js_dtype(weight.dtype) or weight.dtype, 0) * math.prod(weight.shape)
            for weight in weights
        ),
        non_finite=[
            NonFinite(name=entry["name"], nan=entry["nan"], infinite=entry["infinite"])
            for entry in broken
            if "nan" in entry
        ],
    )


def _describe_weight(entry: Mapping[str, Any]) -> Weight:
    size = math.prod(entry["shape"]) * _ITEM_SIZES.get(entry["dtype"], 0)
    return Weight(
        name=entry["name"],
        shape=tuple(entry["shape"]),
        dtype=entry["dtype"],
        stored_dtype=entry["dtype"],
        quantized=False,
        bytes=entry.get("bytes", size),
    )


def _summarize(path: Path, model_format: str, announce: Callable[[str], None]) -> dict[str, Any]:
    name = "saved_model.pb" if path.is_dir() else path.name
    function = _READERS[model_format]
    announce(f"TensorFlow is starting, to read {name}")
    with (
        tempfile.TemporaryDirectory(prefix="tfjs-zoo-") as logs,
        TensorFlowPool(max_workers=1, preload=function.partition(":")[0]) as pool,
    ):
        done = pool.submit(
            function,
            {"source": path.absolute()},
            log=Path(logs) / "log.txt",
            name=f"reading {name}",
        ).result()
    summary: dict[str, Any] = done.value
    return summary
