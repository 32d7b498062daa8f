"""References: runs a source in TensorFlow, with inputs and outputs by name.

It runs in a child process, on the CPU. Each format has a function that loads and runs its
sources, here the SavedModel; `write_outputs` is shared.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

from pipeline.errors import ConversionError, SignatureError
from pipeline.proof.make_reference import make_reference, without_inputs, write_reference
from pipeline.proof.state_steps import add_steps
from pipeline.proof.vector_files import Tensors, load_vectors, narrow
from pipeline.records.contract import InputContract
from pipeline.records.flags import SourceFlags
from pipeline.records.signature import Signature, TensorSpec
from pipeline.records.source import Conversion, StatedTensor
from pipeline.tf.determinism import run_deterministic
from pipeline.tf.lower.pairs import view_parts
from pipeline.tf.reasons import format_reason
from pipeline.tf.saved_model.callable_models import find_call
from pipeline.tf.saved_model.freeze import freeze_signature, load_model
from pipeline.tf.saved_model.front import cut_frozen, open_frozen
from pipeline.tf.saved_model.meta_graph import choose_meta_graph, load_saved_model
from pipeline.tf.saved_model.signatures import (
    describe_signatures,
    list_signatures,
    trace_signature,
)
from pipeline.tf.saved_model.state import name_variables
from pipeline.tf.tf_session import (
    is_of_tensorflow_1,
    open_session,
    open_signature,
    run_in_session,
)
from pipeline.tf.untrusted.refuse import check_trusted
from pipeline.tfjs.model.dtypes import is_complex

RunOne = Callable[[Mapping[str, tf.Tensor]], Mapping[str, Any]]
"""Runs a source: tensors of the source's own dtypes by name in, outputs by name out."""


def run_saved_model(
    *,
    source: Path,
    record: Conversion,
    flags: SourceFlags,
    **known: Any,
) -> dict[str, Any]:
    """Run a signature of a SavedModel on test vectors; see `write_outputs`.

    Args:
        source: Folder that holds saved_model.pb.
        record: The source record, of convert_saved_model.
        flags: saved_model_tags and trust are read.
        known: All other arguments of `write_outputs`.

    Raises:
        UntrustedSourceError: The graph might touch the machine, and `trust` is not set.
        ConversionError: TensorFlow cannot load it; else as `write_outputs`.
    """
    return write_outputs(
        _load(source, record, flags),
        source=source,
        record=record,
        **known,
    )


def write_outputs(  # noqa: PLR0913  # the source, and all facts of the step
    run_one: RunOne,
    *,
    source: Path,
    folder: Path,
    signature: Signature,
    record: Conversion,
    seed: str,
    task: str | None,
    given: Path | None,
    contracts: Mapping[str, InputContract],
    inputs: Mapping[str, StatedTensor] | None = None,
    runtime: str | None = None,
) -> dict[str, Any]:
    """Run a source of any format on test vectors and write vectors.json and vectors.bin.

    Args:
        run_one: Runs the source once, by the names of the record.
        source: The source's own path, which messages must not show.
        folder: The folder to write to.
        signature: The signature of the base.
        record: The source record.
        seed: Text from which made inputs follow: the name of the model.
        task: The task of the model, as in the manifest.
        given: Folder with vectors whose inputs to take; None to make inputs.
        contracts: What is known of each input, by name.
        inputs: dtype and shape of all inputs of the source by name; None for those of the
            record's signature.
        runtime: The runtime and its version; None for TensorFlow.

    Returns:
        runtime, vectors (their number), attempts, random, constant and notes.

    Raises:
        ManifestError: The model does not run with the inputs of the manifest.
        ConversionError: It runs with none of the made inputs.
        FormatError: An output has a value that TensorFlow.js does not have.
    """
    stated = record.stated.inputs if inputs is None else inputs
    unpublished = _unpublished_inputs(signature, stated)
    whole: list[TensorSpec] = [*signature.inputs, *unpublished]
    vectors = load_vectors(given).vectors if given else None
    dtypes = {spec.name: spec.dtype for spec in whole} | {
        spec.name: spec.complex_dtype for spec in signature.inputs if spec.complex_dtype
    }
    names = [output.name for output in signature.outputs]
    pairs = {output.name for output in signature.outputs if output.complex_dtype}

    def run(inputs: Sequence[Tensors]) -> list[Tensors | str]:
        ran = [_run(run_one, one, dtypes, names, source) for one in inputs]
        return [one if isinstance(one, str) else _pair_outputs(one, pairs) for one in ran]

    reference = make_reference(
        run,
        whole,
        names,
        seed=seed,
        task=task,
        given=None
        if vectors is None
        else [_fill(vector.inputs, unpublished) for vector in vectors],
        contracts=contracts,
    )
    reference = add_steps(reference, run, record.state or {})
    published = without_inputs(reference, (spec.name for spec in unpublished))
    return write_reference(
        folder, published, seed=seed, runtime=runtime or f"tensorflow {tf.version.VERSION}"
    )


def _load(source: Path, record: Conversion, flags: SourceFlags) -> RunOne:
    """Return a function that runs a signature; in a session, unless that cannot hold all of it."""
    key = record.signature_key or ""
    meta_graph = choose_meta_graph(load_saved_model(source), flags.saved_model_tags)
    if not flags.trust:
        check_trusted(meta_graph)
    own_tags = list(meta_graph.meta_info_def.tags)
    if not list_signatures(meta_graph):
        _, call = find_call(load_model(source, own_tags), key)
        return lambda fed: dict(call(**fed))
    traced = trace_signature(meta_graph, key)
    inputs, outputs = (
        {part.name: part.outer for part in side} for side in (traced.inputs, traced.outputs)
    )
    own = describe_signatures(meta_graph)[key].inputs
    if _dtypes(record.stated.inputs) != _dtypes(own):
        return _load_cut(source, record, meta_graph)
    if not record.state and not is_of_tensorflow_1(meta_graph):
        session = _open(source, meta_graph, list(outputs.values()))
        if session is not None:
            return run_in_session(session, inputs, outputs)
    try:
        model = load_model(source, own_tags)
    except ConversionError:
        if not is_of_tensorflow_1(meta_graph):
            raise
        return run_in_session(open_session(source, own_tags), inputs, outputs)
    function = model.signatures[key]
    # TensorFlow returns the function alone, and it dies with its model.
    function.model = model
    if record.state:
        return _with_state(function, record.state)
    return lambda fed: dict(function(**fed))


def _open(
    source: Path, meta_graph: MetaGraphDef, outputs: Sequence[str]
) -> tf.compat.v1.Session | None:
    """Return a session of one signature; None where the whole model must be loaded."""
    try:
        return open_signature(source, meta_graph, outputs)
    except Exception as error:  # noqa: BLE001  # loading the model tells what is wrong with it
        print(f"The model is loaded, as one signature alone failed: {format_reason(error, source)}")
        return None


def _dtypes(inputs: Mapping[str, StatedTensor]) -> dict[str, str | None]:
    return {name: each.dtype for name, each in inputs.items()}


def _load_cut(source: Path, record: Conversion, meta_graph: MetaGraphDef) -> RunOne:
    """Return a function that runs the frozen graph without the ops that fetch its data."""
    frozen = freeze_signature(
        source,
        meta_graph=meta_graph,
        signature_key=record.signature_key or "",
        # A graph with state has lost what keeps the constants of a loop within it.
        control_flow_v2=bool(record.state),
    )
    cut, _ = cut_frozen(frozen)
    inputs, outputs = (
        {tie.name: tie.tensor for tie in side or ()} for side in (record.inputs, record.outputs)
    )
    return run_in_session(open_frozen(cut), inputs, outputs)


def _with_state(function: Any, names: Collection[str]) -> RunOne:
    """Return a function that takes and returns the values of variables, too."""
    variables = {name: each for name, each in name_variables(function).values() if name in names}

    def run(fed: Mapping[str, tf.Tensor]) -> Mapping[str, Any]:
        for name, variable in variables.items():
            variable.assign(fed[name])
        given = {name: value for name, value in fed.items() if name not in variables}
        results = dict(function(**given))
        return {**results, **{name: each.read_value() for name, each in variables.items()}}

    return run


def _unpublished_inputs(
    signature: Signature, inputs: Mapping[str, StatedTensor]
) -> list[TensorSpec]:
    """Return inputs of the source that conversion has removed: no output depends on them."""
    published = {entry.name for entry in signature.inputs}
    return [
        TensorSpec(name=name, dtype=stated.dtype or "", shape=stated.shape)
        for name, stated in inputs.items()
        if name not in published
    ]


def _fill(inputs: Tensors, missing: Sequence[TensorSpec]) -> Tensors:
    """Return inputs of the manifest, with zeros for inputs that no output depends on."""
    batch = next((len(values) for values in inputs.values() if values.ndim), 1)
    filled = dict(inputs)
    for spec in missing:
        shape = spec.shape or ()
        known = [(batch if i == 0 else 1) if n is None else n for i, n in enumerate(shape)]
        filled[spec.name] = np.zeros(known, object if spec.dtype == "string" else np.int32)
        if spec.dtype == "string":
            filled[spec.name][...] = b""
    return filled


def _run(
    run_one: RunOne,
    inputs: Tensors,
    dtypes: Mapping[str, str],
    outputs: Sequence[str],
    source: Path,
) -> Tensors | str:
    try:
        with tf.device("/CPU:0"):
            fed = {name: _to_tensor(values, dtypes[name]) for name, values in inputs.items()}
            results = _flatten(run_deterministic(lambda: run_one(fed)))
    except Exception as error:  # noqa: BLE001  # a graph fails in any way it likes
        return format_reason(error, source)
    lost = [name for name in outputs if name not in results]
    if lost:
        raise SignatureError(f"TensorFlow returns {', '.join(results)}; not {', '.join(lost)}")
    return {name: narrow(results[name], where=name) for name in outputs}


def _pair_outputs(outputs: Tensors, pairs: Collection[str]) -> Tensors:
    """Return outputs with both parts of complex ones along a last axis, as the base has them."""
    return {**outputs, **{name: view_parts(outputs[name]) for name in pairs}}


def _to_tensor(values: Any, dtype: str) -> Any:
    """Return a tensor of the source's own dtype: vectors hold int32 for uint8 and int64.

    Complex numbers may be pairs along the last axis.
    """
    if dtype == "string":
        return tf.constant(values.tolist(), tf.string, shape=values.shape)
    if is_complex(dtype) and values.dtype.kind == "f":
        values = np.ascontiguousarray(values, np.float32).view(np.complex64)[..., 0]
    return tf.cast(tf.constant(values), tf.dtypes.as_dtype(dtype))


def _flatten(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return arrays by name; a component of a composite tensor has its number after a slash."""
    flat: dict[str, Any] = {}
    for name, value in results.items():
        if isinstance(value, tf.Tensor | np.ndarray | np.generic | bytes):
            flat[name] = _to_array(value)
        else:
            parts = tf.nest.flatten(value, expand_composites=True)
            flat |= {f"{name}/{i}": _to_array(part) for i, part in enumerate(parts)}
    return flat


def _to_array(value: Any) -> Any:
    """Return a tensor, or a session's result, as an array of a dtype that numpy has."""
    values = value.numpy() if isinstance(value, tf.Tensor) else value
    if getattr(values, "dtype", None) == tf.bfloat16.as_numpy_dtype:
        values = values.astype(np.float32)
    # A session returns a scalar string as bytes.
    return np.array(values, object) if isinstance(values, bytes) else np.asarray(values)
