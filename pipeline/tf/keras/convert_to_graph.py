"""Converts a Keras model to a graph model.

Its call becomes the signature of a SavedModel, as in `tensorflowjs_converter` and as Keras 3
recommends; but the SavedModel is written only for a model with tables or state (string and integer
lookups, random numbers from a seed generator). All others are converted from the traced call in
memory, which gives the same files in a third to a half of the time. The names are the model's own:
Keras 3 exports a list of outputs as output_0, output_1.
"""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import tf_keras

from pipeline.errors import ConversionError
from pipeline.proof.inputs.keras_applications import find_application
from pipeline.records.contract import InputContract
from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion, Tie
from pipeline.tf.keras.keras_call import CALL_KEY, argument_names, describe_call, trace_model
from pipeline.tf.keras.keras_source import LoadedKeras, load_keras_model
from pipeline.tf.keras.scope_names import any_scope_names
from pipeline.tf.reasons import format_reason
from pipeline.tf.saved_model.convert_saved_model import convert_function, convert_saved_model
from pipeline.tfjs.model.model_json import format_model_json, load_model_json


def convert_keras_model(*, source: Path, folder: Path, flags: ConversionFlags) -> Conversion:
    """Convert a Keras model to a graph model.

    Args:
        source: A .h5 or .keras file of any version of Keras.
        folder: The folder for model.json and shards.
        flags: skip_op_check, strip_debug_ops, control_flow_v2, experiments,
            weight_shard_size_bytes and trust are read.

    Returns:
        The signature "call" of the model's call; inputs and outputs with the tensor of the
        converted graph for each name, in the model's order; repairs.

    Raises:
        FormatError: The file is no Keras model, is damaged, or holds weights only.
        UntrustedSourceError: The model would run code, and `trust` is not set.
        ConversionError: Keras cannot build the model, or the converter cannot convert it.
    """
    loaded = load_keras_model(source, trust=flags.trust, code=flags.code)
    call = trace_model(loaded)
    stated = describe_call(loaded, call)
    with any_scope_names():
        record = convert_function(
            call.get_concrete_function(), source=source, folder=folder, flags=flags
        )
    record = record or _convert_saved(loaded, call, folder, flags)
    if record.state:
        raise ConversionError(
            f"the model keeps {', '.join(record.state)} from run to run, which no layer of "
            "TensorFlow.js does",
            hint="save it with tf.saved_model.save: the state of a SavedModel becomes inputs",
        )
    arguments = dict(zip(argument_names(loaded), loaded.input_names, strict=True))
    names = list(stated.outputs)
    _rename(folder / "model.json", arguments, names)
    return Conversion(
        signature_key=CALL_KEY,
        signatures={CALL_KEY: stated},
        inputs=_order(record.inputs or (), arguments),
        outputs=_order(record.outputs or (), {name: name for name in names}),
        repairs=[*loaded.repairs, *record.repairs],
        rounds_to=record.rounds_to,
        contracts=find_application_contracts(loaded),
    )


def _convert_saved(
    loaded: LoadedKeras, call: Any, folder: Path, flags: ConversionFlags
) -> Conversion:
    """Convert the call of a model through a temporary SavedModel, which also has its tables."""
    with tempfile.TemporaryDirectory(dir=folder) as exported:
        _export(loaded, call, Path(exported))
        # The exported SavedModel has one signature and one graph.
        of_export = flags.model_copy(update={"signature_name": None, "saved_model_tags": None})
        return convert_saved_model(source=Path(exported), folder=folder, flags=of_export)


def find_application_contracts(loaded: LoadedKeras) -> dict[str, InputContract] | None:
    """Return what the name of a network of Keras says of its image."""
    found = find_application(loaded.file.config)
    names = loaded.input_names
    return {names[0]: found} if found is not None and len(names) == 1 else None


def _export(loaded: LoadedKeras, call: Any, folder: Path) -> None:
    """Write a SavedModel with one signature, and with the variables and tables that it uses."""
    package = keras if loaded.generation == "keras 3" else tf_keras
    archive = package.export.ExportArchive()
    archive.track(loaded.model)
    archive.add_endpoint("serving_default", call)
    try:
        # The call is traced again for each function that the archive writes.
        with any_scope_names():
            archive.write_out(str(folder))
    except Exception as error:
        raise ConversionError(
            f"TensorFlow cannot save the model's call: {format_reason(error, folder)}"
        ) from error


def _order(ties: Iterable[Tie], names: Mapping[str, str]) -> list[Tie]:
    """Return inputs or outputs under their Keras names, in the order of the names."""
    tensors = {tie.name: tie.tensor for tie in ties}
    return [Tie(name=name, tensor=tensors[key]) for key, name in names.items() if key in tensors]


def _rename(path: Path, arguments: Mapping[str, str], outputs: Iterable[str]) -> None:
    """Give the signature of a model.json the model's own names, in the model's order.

    Tables enter the graph as inputs of their own, and keep their names.
    """
    model_json = load_model_json(path)
    signature = model_json.content["signature"]
    inputs = dict(signature["inputs"])
    named = {name: inputs.pop(key) for key, name in arguments.items() if key in inputs}
    content = {
        **model_json.content,
        "signature": {
            **signature,
            "inputs": named | inputs,
            "outputs": {name: signature["outputs"][name] for name in outputs},
        },
    }
    path.write_bytes(format_model_json(replace(model_json, content=content)))
