"""Ops lowered, and run before and after: `python lowered.py FOLDER` writes what came out.

results.json has an entry for each case and way to write it; a case that TensorFlow.js shall run
is a graph model in a folder of its own, with its inputs and expected outputs beside it. A test
process calls `ran`, which does that once in a child, so that it never imports TensorFlow.
"""

import functools
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from build_in_child import build_in_child
from fault_cases import FAULTS
from lowering_cases import CASES, Array, Case

Json = dict[str, Any]
ALL: Mapping[str, Case] = {**CASES, **FAULTS}


@functools.cache
def ran() -> Path:
    """Return the folder that the program wrote; it is removed at exit."""
    return build_in_child(__file__, prefix="lowered ")


@functools.cache
def results() -> Json:
    """Return what came out, by case."""
    loaded: Json = json.loads((ran() / "results.json").read_text())
    return loaded


def run_all(folder: Path, names: Sequence[str]) -> None:
    """Run cases and write what came out; imports TensorFlow."""
    found = {name: _run(ALL[name], folder / name) for name in names}
    (folder / "results.json").write_text(json.dumps(found, indent=1))


def _run(case: Case, folder: Path) -> Json:
    import tensorflow as tf

    from pipeline.tf.lower.lowering import lower_graph

    found: Json = {}
    ways = {"graph": _build_old_graph if case.producer else _build_graph}
    if case.is_in_function and not case.producer:
        ways["function"] = _build_function
    if case.is_in_loop:
        ways["loop"] = _build_loop
    for way, build in ways.items():
        graph_def, outputs = build(tf, case)
        keep = [name.partition(":")[0] for name in outputs]
        before = graph_def.SerializeToString()
        lowered, sentences = lower_graph(graph_def, keep=keep)
        expected = _execute(tf, graph_def, outputs, case)
        made = _execute(tf, lowered, outputs, case)
        found[way] = {
            "sentences": sentences,
            "ops": sorted(_ops(lowered)),
            "error": [_compare(*pair) for pair in zip(expected, made, strict=True)],
            "unchanged": graph_def.SerializeToString() == before,
        }
        if way == "graph":
            found[way]["repeated"] = lower_graph(graph_def, keep=keep)[0] == lowered
        if way == "graph" and case.not_in_javascript is None:
            _write(tf, lowered, outputs, folder)
            if case.wrong_before:
                _write_as_it_is(tf, graph_def, outputs, folder_before(folder))
            for written in (folder, *([folder_before(folder)] if case.wrong_before else [])):
                _save_arrays(written / "inputs.npz", _fed(case))
                _save_arrays(written / "expected.npz", dict(zip(outputs, expected, strict=True)))
    return found


def _build_graph(tf: Any, case: Case) -> tuple[Any, list[str]]:
    """Return a graph of just the op, and the names of its outputs."""
    with tf.Graph().as_default() as graph:
        given = _give(tf, case)
        results = _call(tf, case, given)
    return graph.as_graph_def(), [tensor.name for tensor in results]


def _build_old_graph(tf: Any, case: Case) -> tuple[Any, list[str]]:
    """Return a graph of an op that graphs of today may not have."""
    from tensorflow.python.framework import op_def_registry

    with tf.Graph().as_default() as graph:
        given = _give(tf, case)
        given |= {name: tf.constant(value, name=name) for name, value in case.constants.items()}
    graph_def = graph.as_graph_def()
    graph_def.versions.producer = case.producer
    definition = op_def_registry.get(case.op)
    node = graph_def.node.add(name="old", op=case.op)
    node.input.extend(arg.name for arg in definition.input_arg)
    node.attr["T"].type = next(iter(given.values())).dtype.as_datatype_enum
    for name, value in case.attributes.items():
        kind = {bool: "b", int: "i", float: "f"}[type(value)]
        setattr(node.attr[name], kind, value)
    return graph_def, [f"old:{i}" for i in range(len(definition.output_arg))]


def _build_function(tf: Any, case: Case) -> tuple[Any, list[str]]:
    """Return a graph that calls a function with the op in it."""
    specs = [
        tf.TensorSpec(None if not case.is_static else array.shape, _dtype(tf, array), name=name)
        for name, array in _fed(case).items()
    ]

    def body(*tensors: Any) -> Any:
        given = dict(zip(_fed(case), tensors, strict=True))
        shaped = {name: _shaped(tf, given[name], array, case) for name, array in _fed(case).items()}
        return [tf.identity(tensor) for tensor in _call(tf, case, shaped)]

    called = tf.function(body, input_signature=specs)
    with tf.Graph().as_default() as graph:
        placeholders = [
            tf.compat.v1.placeholder(spec.dtype, spec.shape, name=spec.name) for spec in specs
        ]
        results = called(*placeholders)
        results = [tf.identity(tensor) for tensor in results]
    return graph.as_graph_def(), [tensor.name for tensor in results]


def _build_loop(tf: Any, case: Case) -> tuple[Any, list[str]]:
    """Return a graph with a loop of TensorFlow 1, in which the op is the second time around."""
    with tf.Graph().as_default() as graph:
        given = _give(tf, case)

        def body(i: Any, _: Any) -> Any:
            return i + 1, tf.cond(i > 0, lambda: _call(tf, case, given)[0], lambda: x)

        x = next(iter(given.values()))
        tf.compat.v1.disable_control_flow_v2()
        _, result = tf.compat.v1.while_loop(lambda i, _: i < 2, body, [tf.constant(0), x])
        tf.compat.v1.enable_control_flow_v2()
    assert "Enter" in {node.op for node in graph.as_graph_def().node}
    return graph.as_graph_def(), [result.name]


def _shaped(tf: Any, tensor: Any, array: Array, case: Case) -> Any:
    """Tell a function how many axes its argument has, as a real one knows."""
    if case.is_static:
        return tensor
    return tf.ensure_shape(tensor, [None] * array.ndim)


def _give(tf: Any, case: Case) -> dict[str, Any]:
    return {
        name: tf.compat.v1.placeholder(
            _dtype(tf, array), array.shape if case.is_static else [None] * array.ndim, name=name
        )
        for name, array in _fed(case).items()
    }


def _fed(case: Case) -> dict[str, Array]:
    """Return the inputs one by one, complex ones in parts; those of a list with a number."""
    fed: dict[str, Array] = {}
    for name, value in case.inputs.items():
        if isinstance(value, list):
            fed |= {f"{name}_{i}": array for i, array in enumerate(value)}
        else:
            fed[name] = np.asarray(value)
    parts: dict[str, Array] = {}
    for name, array in fed.items():
        whole = {name: array}
        split = {f"{name}_real": np.real(array), f"{name}_imag": np.imag(array)}
        parts |= split if array.dtype.kind == "c" else whole
    return parts


def _call(tf: Any, case: Case, given: Mapping[str, Any]) -> list[Any]:
    inputs: Json = {}
    for name, value in case.inputs.items():
        if isinstance(value, list):
            inputs[name] = [_find(tf, given, f"{name}_{i}") for i in range(len(value))]
        else:
            inputs[name] = _find(tf, given, name)
    constants = {name: tf.constant(value) for name, value in case.constants.items()}
    if case.op == "Select":  # in tf.raw_ops its inputs have other names than in its definition
        inputs = {"condition": inputs["condition"], "x": inputs["t"], "y": inputs["e"]}
    made = getattr(tf.raw_ops, case.op)(**inputs, **constants, **case.attributes)
    return [part for tensor in tf.nest.flatten(made) for part in _parts(tf, tensor)]


def _find(tf: Any, given: Mapping[str, Any], name: str) -> Any:
    if name in given:
        return given[name]
    return tf.complex(given[f"{name}_real"], given[f"{name}_imag"])


def _parts(tf: Any, tensor: Any) -> list[Any]:
    """Return a complex tensor in parts, which all backends can return."""
    return [tf.math.real(tensor), tf.math.imag(tensor)] if tensor.dtype.is_complex else [tensor]


def _dtype(tf: Any, array: Array) -> Any:
    return tf.string if array.dtype == object else tf.as_dtype(array.dtype)


def _execute(tf: Any, graph_def: Any, outputs: Sequence[str], case: Case) -> list[Array]:
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        with tf.compat.v1.Session(graph=graph) as session:
            feed = {f"{name}:0": array.copy() for name, array in _fed(case).items()}
            return list(session.run(list(outputs), feed))


def _ops(graph_def: Any) -> set[str]:
    nodes = [*graph_def.node]
    for function in graph_def.library.function:
        nodes += function.node_def
    return {node.op for node in nodes}


def _compare(expected: Array, made: Array) -> float | str:
    """Return the greatest error, or what is wrong altogether."""
    expected, made = np.asarray(expected), np.asarray(made)
    if expected.dtype != made.dtype or expected.shape != made.shape:
        return f"{expected.dtype} {expected.shape} became {made.dtype} {made.shape}"
    if expected.dtype.kind not in "fc":
        return 0.0 if np.array_equal(expected, made) else f"{expected} became {made}"
    return measure(expected, made)


def measure(expected: Array, made: Array) -> float | str:
    """Return the greatest error, relative to the greatest finite value."""
    finite = np.isfinite(expected)
    if not np.array_equal(finite, np.isfinite(made)):
        return f"{expected} became {made}"
    if not np.array_equal(np.nan_to_num(expected[~finite]), np.nan_to_num(made[~finite])):
        return f"{expected} became {made}"
    if not finite.any():
        return 0.0
    scale = max(float(np.abs(expected[finite]).max()), 1e-30)
    return float(np.abs(expected[finite] - made[finite]).max() / scale)


def _save_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    with path.open("wb") as file:
        np.savez(file, **dict(arrays))


def folder_before(folder: Path) -> Path:
    """Return the folder of the graph that was not lowered."""
    return folder.with_name(f"{folder.name} before")


def _write_as_it_is(tf: Any, graph_def: Any, outputs: Sequence[str], folder: Path) -> None:
    """Write the graph as the converter does, without our repairs."""
    with (
        mock.patch(
            "pipeline.tf.write_graph_model._lower", lambda frozen, _: (frozen.graph_def, [])
        ),
        mock.patch("pipeline.tfjs.rewrite.rewrite.rewrite_graph", lambda content: (content, [])),
    ):
        _write(tf, graph_def, outputs, folder)


def _write(tf: Any, graph_def: Any, outputs: Sequence[str], folder: Path) -> None:
    """Write the graph as the pipeline does."""
    from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

    from pipeline.records.flags import ConversionFlags
    from pipeline.records.source import Tie
    from pipeline.tf.saved_model.freeze import Frozen
    from pipeline.tf.write_graph_model import write_graph_model
    from pipeline.tfjs.rewrite.rewrite import rewrite_graph

    folder.mkdir(parents=True)
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
    inputs = [op.outputs[0] for op in graph.get_operations() if op.type == "Placeholder"]
    tensors = [graph.get_tensor_by_name(name) for name in outputs]
    signature = SignatureDef()
    for side, listed in ((signature.inputs, inputs), (signature.outputs, tensors)):
        for tensor in listed:
            side[tensor.name].name = tensor.name
            side[tensor.name].dtype = tensor.dtype.as_datatype_enum
            side[tensor.name].tensor_shape.CopyFrom(tensor.shape.as_proto())
    frozen = Frozen(
        graph=graph,
        inputs=inputs,
        outputs=tensors,
        tensorflow_version=tf.__version__,
        initializer_graph=None,
        resource_ids=None,
    )
    write_graph_model(
        frozen,
        inputs=[Tie(name=tensor.op.name, tensor=tensor.name) for tensor in inputs],
        outputs=[Tie(name=name, tensor=name) for name in outputs],
        signature=signature,
        source=folder,
        folder=folder,
        flags=ConversionFlags(skip_op_check=True),
    )
    content, _ = rewrite_graph(json.loads((folder / "model.json").read_bytes()))
    (folder / "model.json").write_text(json.dumps(content))


if __name__ == "__main__":
    run_all(Path(sys.argv[1]), sys.argv[2:] or list(ALL))
