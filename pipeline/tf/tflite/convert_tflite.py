"""TensorFlow Lite file to graph model.

The operators of the file become a graph of TensorFlow, which goes the way of every other graph:
lowering, the converter's optimizer, repairs. The layout of both is the same, so that most
operators are one op.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion
from pipeline.tf.freeze_function import node_name, write_function
from pipeline.tf.tflite.build_graph import (
    GraphBuilder,
    check_flex,
    check_operators,
    enter,
    leave,
)
from pipeline.tf.tflite.call import end_dtype
from pipeline.tf.tflite.float_form import has_integer_form, make_float_form
from pipeline.tf.tflite.initial_values import find_state
from pipeline.tf.tflite.read_tflite import parse_tflite
from pipeline.tf.tflite.tflite_metadata import (
    find_contracts,
    find_labels,
    read_metadata,
)
from pipeline.tf.tflite.tflite_model import TfliteModel
from pipeline.tf.tflite.tflite_signature import (
    Ends,
    choose_ends,
    describe_ends,
    find_scales,
    find_steps,
)
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.quantize.exact_weights import SmallWeight, store_exactly

_STORED = "a weight is stored in as few bytes as in the file, with the same values"


def convert_tflite(*, source: Path, folder: Path, flags: ConversionFlags) -> Conversion:
    """Convert a TensorFlow Lite file.

    Args:
        source: A .tflite file.
        folder: Where to write model.json and shards.
        flags: signature_name, skip_op_check, strip_debug_ops, control_flow_v2, experiments,
            weight_shard_size_bytes, dequantize and trust are read.

    Returns:
        Signatures of the file; inputs and outputs with their tensors; repairs.

    Raises:
        FormatError: It is damaged; the message names the place.
        SignatureError: The signature is not there, or there are several.
        ConversionError: An operator has no equal in TensorFlow or TensorFlow.js.
        UntrustedSourceError: A Flex operator touches the machine, and `trust` is not set.
    """
    stored = parse_tflite(source.read_bytes(), source.name)
    check_operators(stored)
    model = make_float_form(stored) if flags.dequantize else stored
    ends = choose_ends(model, flags.signature_name)
    graph = model.subgraphs[ends.subgraph]
    if not flags.trust:
        check_flex(model)
    builder = GraphBuilder(model=model)
    written = write_function(
        trace_graph(builder, ends),
        inputs=ends.all_inputs(graph),
        outputs=ends.all_outputs(graph),
        source=source,
        folder=folder,
        flags=flags,
    )
    num_stored = store_exactly(
        folder, _small_weights(stored), shard_size_bytes=flags.weight_shard_size_bytes
    )
    repairs = [*builder.state.notes, *written.repairs]
    repairs += [f"{_STORED} ({num_stored} in this graph)"] if num_stored else []
    repairs += _find_changed(builder.state.kernels, folder)
    metadata = read_metadata(model)
    labels, remarks = find_labels(model, ends, metadata)
    if flags.dequantize and not has_integer_form(stored):
        remarks.append("dequantize changes nothing: the model computes no whole numbers for others")
    return Conversion(
        signature_key=ends.key,
        signatures=describe_ends(model),
        inputs=written.inputs,
        outputs=written.outputs,
        repairs=repairs,
        steps=find_steps(model, ends) or None,
        scales=find_scales(ends) or None,
        state=find_state(model, ends) or None,
        about=metadata.about if metadata else None,
        labels=labels,
        contracts=find_contracts(ends, metadata, choose_ends(stored, flags.signature_name)),
        remarks=remarks or None,
    )


def _find_changed(kernels: Mapping[int, int], folder: Path) -> list[str]:
    """Return a sentence where kernels of whole numbers are not in the graph as such."""
    specs = load_model_json(folder / "model.json").weights
    found = Counter(spec.size for spec in specs if spec.stored_dtype == "uint8")
    lost = (Counter(kernels.values()) - found).total()
    if not lost:
        return []
    return [f"a kernel of whole numbers was changed by the optimizer ({lost} in this graph)"]


def _small_weights(model: TfliteModel) -> Iterator[SmallWeight]:
    """Yield how the file stores its constants, those of few bytes."""
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            size = math.prod(size or 0 for size in tensor.shape or ())
            if tensor.data is None:
                continue
            if tensor.dtype in ("float16", "bfloat16"):
                yield SmallWeight(size=size, dtype="float16", scales=np.zeros(0, np.float32))
            elif tensor.dtype in ("int8", "uint8", "int4") and tensor.quantization:
                yield SmallWeight(size=size, dtype="integer", scales=tensor.quantization.scales)


def trace_graph(builder: GraphBuilder, ends: Ends) -> Any:
    """Return the concrete function of a signature: inputs and outputs in its order.

    Variables that go on from run to run come behind the others.
    """
    graph = builder.model.subgraphs[ends.subgraph]
    inputs, outputs = ends.all_inputs(graph), ends.all_outputs(graph)

    def run(*values: Any) -> list[Any]:
        given = {
            name: enter(value, inputs[name]) for name, value in zip(inputs, values, strict=True)
        }
        by_number = {tensor.index: given[name] for name, tensor in ends.inputs.items()}
        builder.state.variables = {
            variable.name: given[name] for name, variable in ends.state.items()
        }
        held = builder.build(ends.subgraph, [by_number[number] for number in graph.inputs])
        made = dict(zip(graph.outputs, held, strict=True))
        return [
            leave(
                builder.state.variables[ends.state[name].name]
                if name in ends.state
                else made[tensor.index],
                tensor,
            )
            for name, tensor in outputs.items()
        ]

    specs = [
        tf.TensorSpec(tensor.shape, end_dtype(tensor), name=node_name(name, number))
        for number, (name, tensor) in enumerate(inputs.items())
    ]
    return tf.function(run, input_signature=specs, autograph=False).get_concrete_function()
