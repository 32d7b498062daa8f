"""Reference of a TensorFlow Lite file: run by TensorFlow Lite's own interpreter.

It is the interpreter as people use it, with XNNPACK for what that can run. Sizes that the file
leaves open follow the inputs; what it keeps from run to run is reset for each run.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import ConversionError
from pipeline.records.flags import SourceFlags
from pipeline.records.source import Conversion
from pipeline.tf.saved_model.freeze import format_reason
from pipeline.tf.saved_model.saved_model_reference import write_outputs
from pipeline.tf.tflite.tflite_model import parse_tflite
from pipeline.tf.tflite.tflite_signature import Ends, choose_ends


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
        flags: signature_name and trust are read.
        known: All else that `write_outputs` takes.

    Raises:
        FormatError: It is damaged.
        ConversionError: The interpreter cannot run it; else as `write_outputs`.
    """
    content = source.read_bytes()
    model = parse_tflite(content, source.name)
    ends = choose_ends(model, flags.signature_name)
    return write_outputs(
        open_interpreter(content, ends, source),
        source=source,
        record=record,
        **known,
        runtime=f"tensorflow lite {tf.version.VERSION}",
    )


def open_interpreter(content: bytes, ends: Ends, source: Path) -> Any:
    """Return a function that runs a signature: tensors by name in, arrays by name out."""

    def run(fed: Mapping[str, Any]) -> dict[str, Any]:
        # A fresh one: it keeps the state of recurrent layers, and of variables.
        interpreter = _open(content, source)
        signature = ends.subgraph
        if signature:
            return dict(interpreter.get_signature_runner(ends.key)(**_arrays(fed, ends)))
        for name, tensor in ends.inputs.items():
            values = np.asarray(fed[name])
            stated = interpreter.get_input_details()[_place(interpreter, tensor.index)]
            if tuple(stated["shape"]) != values.shape:
                interpreter.resize_tensor_input(tensor.index, values.shape)
        interpreter.allocate_tensors()
        for name, tensor in ends.inputs.items():
            interpreter.set_tensor(tensor.index, np.asarray(fed[name]))
        interpreter.invoke()
        return {
            name: np.array(interpreter.get_tensor(tensor.index))
            for name, tensor in ends.outputs.items()
        }

    return run


def _arrays(fed: Mapping[str, Any], ends: Ends) -> dict[str, Any]:
    return {name: np.asarray(fed[name]) for name in ends.inputs}


def _place(interpreter: Any, index: int) -> int:
    return next(i for i, each in enumerate(interpreter.get_input_details()) if each["index"] == index)


def _open(content: bytes, source: Path) -> Any:
    try:
        return tf.lite.Interpreter(model_content=content, num_threads=1)
    except Exception as error:
        raise ConversionError(
            f"TensorFlow Lite cannot open the file: {format_reason(error, source)}"
        ) from error
