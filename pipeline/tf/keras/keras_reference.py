"""Reference of a Keras model: calls the model itself in its own Keras, not its export."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.disk.versions import installed_version
from pipeline.errors import SignatureError
from pipeline.records.flags import SourceFlags
from pipeline.records.source import Conversion
from pipeline.tf.keras.keras_call import call_model, trace_model
from pipeline.tf.keras.keras_source import load_keras_model
from pipeline.tf.saved_model.saved_model_reference import write_outputs


def run_keras_model(
    *,
    source: Path,
    record: Conversion,
    flags: SourceFlags,
    **known: Any,
) -> dict[str, Any]:
    """Run a Keras model on test vectors; see `write_outputs`.

    Args:
        source: A .h5 or .keras file, or a SavedModel folder that Keras saved.
        record: The source record. In a layers model TensorFlow.js' names of inputs and outputs may
            differ from Keras' names; then they are paired by position.
        flags: trust is read.
        known: All other arguments of `write_outputs`.

    Raises:
        UntrustedSourceError: The model would run code, and `trust` is not set.
        ConversionError: Keras cannot build the model; else as `write_outputs`.
    """
    loaded = load_keras_model(source, trust=flags.trust, code=flags.code)
    trace_model(loaded)  # refuses a model that would touch the machine
    names = _match(loaded.input_names, [tie.name for tie in record.inputs or ()])

    def run(fed: Mapping[str, Any]) -> Mapping[str, Any]:
        results = call_model(loaded, [fed[names[name]] for name in loaded.input_names])
        wanted = _match(tuple(results), [tie.name for tie in record.outputs or ()])
        return {wanted[name]: tensor for name, tensor in results.items()}

    package = "tf_keras" if loaded.generation == "tf_keras" else "keras"
    return write_outputs(
        run,
        source=source,
        record=record,
        **known,
        runtime=f"{package} {installed_version(package)}",
    )


def _match(own: Sequence[str], published: Sequence[str]) -> dict[str, str]:
    """Return the published name for each of Keras' names: {"input_1": "x"}.

    A graph model has Keras' names, perhaps without inputs that no output depends on.
    """
    if set(published) <= set(own):
        return {name: name for name in own}
    if len(own) != len(published):
        raise SignatureError(
            f"Keras has {', '.join(own)}; published are {', '.join(published)}",
        )
    return dict(zip(own, published, strict=True))
