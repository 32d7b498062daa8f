"""Reference of a TensorFlow Lite file: run by TensorFlow Lite's own interpreter.

It is the interpreter as people use it, with XNNPACK for what that can run. Sizes that the file
leaves open follow the inputs; what it keeps from run to run is reset for each run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import ConversionError
from pipeline.records.flags import SourceFlags
from pipeline.records.source import Conversion
from pipeline.text.suggest import join_words
from pipeline.tf.reasons import format_reason
from pipeline.tf.saved_model.saved_model_reference import write_outputs
from pipeline.tf.tflite.build_graph import check_flex
from pipeline.tf.tflite.constants import read_constant
from pipeline.tf.tflite.detection import blank_unfilled
from pipeline.tf.tflite.float_form import (
    has_integer_form,
    make_float_form,
    to_numbers,
    to_real,
)
from pipeline.tf.tflite.kernel_sets import KernelSets, Run
from pipeline.tf.tflite.mediapipe_kernels import KERNELS, find_followed
from pipeline.tf.tflite.read_tflite import parse_tflite
from pipeline.tf.tflite.rewrite_file import (
    find_hybrid_weights,
    write_float_form,
    write_float_weights,
    write_state_as_ends,
    write_without,
)
from pipeline.tf.tflite.tflite_model import Operator, SubGraph, Tensor, TfliteModel
from pipeline.tf.tflite.tflite_signature import Ends, choose_ends
from pipeline.tf.tflite.window_sizes import refuse_large_windows


def run_tflite(
    *,
    source: Path,
    record: Conversion,
    flags: SourceFlags,
    **known: Any,
) -> dict[str, Any]:
    """Run a TensorFlow Lite file on test vectors; see `write_outputs`.

    Args:
        source: A .tflite file.
        record: The source record, of convert_tflite.
        flags: signature_name, dequantize and trust are read.
        known: All else that `write_outputs` takes.

    Raises:
        FormatError: It is damaged.
        UntrustedSourceError: A Flex operator touches the machine, and `trust` is not set.
        ConversionError: The interpreter cannot run it; else as `write_outputs`.
    """
    model = parse_tflite(source.read_bytes(), source.name)
    if not flags.trust:
        check_flex(model)
    ends = choose_ends(model, flags.signature_name)
    if flags.dequantize and has_integer_form(model):
        distance = Distance(told=_FAR_FROM_INTEGERS)
        run = _open_float_form(model, ends, source, distance)
    else:
        distance = Distance(told=_FAR_FROM_ROUNDED)
        run = open_reference(model, ends, source, distance)
    kernels = KernelSets(steps=record.steps or {})
    if kernels.steps and not ends.variables and not find_followed(model.operators):
        run = kernels.compare(
            run, open_interpreter(model.bytes.content, model, ends, source, has_xnnpack=False)
        )
    made = write_outputs(
        run,
        source=source,
        record=record,
        **known,
        runtime=f"tensorflow lite {tf.version.VERSION}",
    )
    forms = [text for text in (distance.describe(), _describe_followed(model)) if text]
    notes = [*made["notes"], *forms, *kernels.describe()]
    return {**made, "notes": notes, "judged_as": "; ".join(forms) or None}


def _describe_followed(model: TfliteModel) -> str | None:
    """Return a sentence on operators that the interpreter lacks; None without any."""
    names = sorted({operator.name for operator in find_followed(model.operators)})
    if not names:
        return None
    return (
        f"the interpreter of TensorFlow Lite lacks {join_words(names)} of MediaPipe, whose kernels "
        "were followed in numpy"
    )


_FAR_FROM_ROUNDED = (
    "the weights are used as they are; the interpreter of TensorFlow Lite also rounds activations "
    "to 8 bits, which moves outputs by up to {}"
)
_FAR_FROM_INTEGERS = (
    "this is the float form of an integer model; in the interpreter of TensorFlow Lite the "
    "outputs of the integer form are up to {} away"
)


@dataclass
class Distance:
    """How far the outputs of a file in another form are from its own, in the interpreter.

    Attributes:
        told: The sentence for it, with a place for the distance.
        worst: The largest difference so far, as a share of the range of its output.
    """

    told: str
    worst: float | None = None

    def add(self, own: Mapping[str, Any], exact: Mapping[str, Any]) -> None:
        """Take in the outputs of one run."""
        for name, values in exact.items():
            if values.dtype == np.float32 and own[name].shape == values.shape and values.size:
                scale = float(values.max() - values.min()) or 1.0
                share = float(np.abs(own[name] - values).max()) / scale
                self.worst = max(self.worst or 0.0, share)

    def describe(self) -> str | None:
        """Return a sentence: "... by up to 1.2% of the range"; None where nothing was added."""
        return None if self.worst is None else self.told.format(f"{self.worst:.1%} of the range")


def open_reference(model: TfliteModel, ends: Ends, source: Path, distance: Distance) -> Run:
    """Return a function that runs a signature as a graph of TensorFlow.js computes it."""
    graph = model.subgraphs[ends.subgraph]
    run = open_interpreter(model.bytes.content, model, ends, source)
    if ends.variables and ends.subgraph:
        raise ConversionError(
            f"signature {ends.key!r}: its variables cannot be followed",
            hint="choose another signature with `signature_name:`",
        )
    if followed := find_followed(graph.operators):
        return _open_followed(model, ends, source, followed)
    # A tensor that an operator keeps is set before a run, and read after it.
    resources = {name: each for name, each in ends.variables.items() if not each.is_tensor}
    if resources:
        content = write_state_as_ends(model, ends.subgraph, resources)
        return open_interpreter(content, model, ends, source)
    if not find_hybrid_weights(model):
        return run
    exact = open_interpreter(write_float_weights(model), model, ends, source)

    def run_both(fed: Mapping[str, Any]) -> dict[str, Any]:
        made = exact(fed)
        distance.add(run(fed), made)
        return made

    return run_both


def _open_float_form(model: TfliteModel, ends: Ends, source: Path, distance: Distance) -> Run:
    """Return a function that runs the float form: real values in and out."""
    key = None if not model.signatures else ends.key
    written = parse_tflite(write_float_form(make_float_form(model)), source.name)
    own = open_reference(model, ends, source, Distance(told=_FAR_FROM_ROUNDED))
    exact = open_reference(
        written, choose_ends(written, key), source, Distance(told=_FAR_FROM_ROUNDED)
    )
    graph = model.subgraphs[ends.subgraph]
    inputs, outputs = ends.all_inputs(graph), ends.all_outputs(graph)

    def run_both(fed: Mapping[str, Any]) -> dict[str, Any]:
        made = exact(fed)
        rounded = own({name: to_numbers(fed[name], each) for name, each in inputs.items()})
        distance.add({name: to_real(rounded[name], each) for name, each in outputs.items()}, made)
        return made

    return run_both


def _open_followed(
    model: TfliteModel, ends: Ends, source: Path, followed: Sequence[Operator]
) -> Run:
    """Return a function that runs a signature with the kernels of `mediapipe_kernels`.

    The interpreter runs all else: once for each of these operators, to find what it takes, and
    at last for the outputs.
    """
    if ends.subgraph or ends.variables:
        raise ConversionError(f"signature {ends.key!r}: {followed[0].label} cannot be followed")
    graph = model.subgraphs[0]
    inputs, outputs = ends.all_inputs(graph), ends.all_outputs(graph)
    content = write_without(model, 0, followed)
    made_there = {number for operator in followed for number in operator.outputs}

    def run(fed: Mapping[str, Any]) -> dict[str, Any]:
        given = {each.index: _array(fed[name], each) for name, each in inputs.items()}
        unknown = {number: _blank(graph.tensors[number]) for number in made_there}

        def read(numbers: Sequence[int]) -> list[Any]:
            known = unknown | given
            computed = [n for n in numbers if n not in known and graph.tensors[n].data is None]
            found = _invoke(_open(content, source), graph, known, computed)
            return [
                found[n] if n in found else known.get(n, _constant(model, graph.tensors[n]))
                for n in numbers
            ]

        for operator in followed:
            results = KERNELS[operator.name](operator, *read(operator.inputs))
            given |= zip(operator.outputs, results, strict=False)
        results = read([tensor.index for tensor in outputs.values()])
        return dict(zip(outputs, results, strict=True))

    return run


def _blank(tensor: Tensor) -> Any:
    return np.zeros([size or 1 for size in tensor.shape or ()], tensor.dtype)


def _constant(model: TfliteModel, tensor: Tensor) -> Any:
    return read_constant(tensor, model.bytes) if tensor.data is not None else None


def _invoke(
    interpreter: Any, graph: SubGraph, given: Mapping[int, Any], wanted: Sequence[int]
) -> dict[int, Any]:
    """Run the first subgraph of a file: tensors by number in, arrays by number out."""
    shapes = {each["index"]: tuple(each["shape"]) for each in interpreter.get_input_details()}
    for number, values in given.items():
        if shapes.get(number, values.shape) != values.shape:
            interpreter.resize_tensor_input(number, values.shape)
    interpreter.allocate_tensors()
    allocated = {each["index"]: each["shape"].tolist() for each in interpreter.get_tensor_details()}
    refuse_large_windows(graph, allocated)
    for number, values in given.items():
        interpreter.set_tensor(number, values)
    interpreter.invoke()
    return {number: _widen(np.array(interpreter.get_tensor(number))) for number in wanted}


def _widen(values: Any) -> Any:
    """Return an array in a dtype that TensorFlow.js has one for."""
    return values.astype(np.int32) if values.dtype in (np.int16, np.uint16) else values


def open_interpreter(
    content: bytes, model: TfliteModel, ends: Ends, source: Path, *, has_xnnpack: bool = True
) -> Run:
    """Return a function that runs a signature: tensors by name in, arrays by name out."""
    graph = model.subgraphs[ends.subgraph]
    inputs, outputs = ends.all_inputs(graph), ends.all_outputs(graph)

    def run(fed: Mapping[str, Any]) -> dict[str, Any]:
        # A fresh one: it keeps the state of recurrent layers, and of variables.
        interpreter = _open(content, source, has_xnnpack=has_xnnpack)
        arrays = {name: _array(fed[name], tensor) for name, tensor in inputs.items()}
        if ends.subgraph:
            named = interpreter.get_signature_runner(ends.key)(**arrays)
            return {name: _widen(values) for name, values in named.items()}
        given = {tensor.index: arrays[name] for name, tensor in inputs.items()}
        made = _invoke(interpreter, graph, given, [tensor.index for tensor in outputs.values()])
        blank_unfilled(graph, made)
        return {name: made[tensor.index] for name, tensor in outputs.items()}

    return run


def _array(value: Any, tensor: Tensor) -> Any:
    values = np.asarray(value)
    return values if tensor.dtype == "string" else values.astype(tensor.dtype)


def _open(content: bytes, source: Path, *, has_xnnpack: bool = True) -> Any:
    kinds = tf.lite.experimental.OpResolverType
    kernels = kinds.AUTO if has_xnnpack else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        return tf.lite.Interpreter(
            model_content=content, num_threads=1, experimental_op_resolver_type=kernels
        )
    except Exception as error:
        raise ConversionError(
            f"TensorFlow Lite cannot open the file: {format_reason(error, source)}"
        ) from error
