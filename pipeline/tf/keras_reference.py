"""Reference of a Keras model: the model itself, called by its own Keras; not its export."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import SignatureError
from pipeline.tf.keras_call import call_model, trace_model
from pipeline.tf.keras_source import load_keras_model
from pipeline.tf.reference import write_outputs
from pipeline.versions import installed_version


def run_keras_model(  # noqa: PLR0913  # all that the step knows, by name
    *,
    source: Path,
    folder: Path,
    signature: Mapping[str, Any],
    record: Mapping[str, Any],
    seed: str,
    task: str | None,
    given: Path | None,
    hints: Mapping[str, Any],
    flags: Mapping[str, Any],
) -> dict[str, Any]:
    """Run a Keras model on test vectors; see `write_outputs`.

    Args:
        source: A .h5 or .keras file, or a SavedModel folder that Keras saved.
        folder: Where to write.
        signature: Content of signature.json.
        record: The source record. A layers model has TensorFlow.js' names of inputs and
            outputs where Keras has others; then they are the same by position.
        seed: Text that made-up inputs follow from; the model's name.
        task: What the model is for.
        given: Folder with vectors whose inputs are to be taken; None to make some up.
        hints: What the graph says of the inputs; see `pipeline.proof.hints`.
        flags: By the manifest's names; trust is read.

    Raises:
        UntrustedSourceError: It would run code, and `trust` is not set.
        ConversionError: Keras cannot build it; else as `write_outputs`.
    """
    loaded = load_keras_model(source, trust=bool(flags.get("trust")))
    trace_model(loaded)  # refuses what would touch the machine
    names = _match(loaded.input_names, [entry["name"] for entry in record["inputs"]])

    def run(fed: Mapping[str, Any]) -> Mapping[str, Any]:
        results = call_model(loaded, [fed[names[name]] for name in loaded.input_names])
        wanted = _match(tuple(results), [entry["name"] for entry in record["outputs"]])
        return {wanted[name]: tensor for name, tensor in results.items()}

    package = "tf_keras" if loaded.generation == "tf_keras" else "keras"
    return write_outputs(
        run,
        source=source,
        folder=folder,
        signature=signature,
        record=record,
        seed=seed,
        task=task,
        given=given,
        hints=hints,
        runtime=f"{package} {installed_version(package)}",
    )


def _match(own: Sequence[str], published: Sequence[str]) -> dict[str, str]:
    """Return the published name for each of Keras' names.

    A graph model has Keras' names, perhaps without inputs that nothing depends on.
    """
    if set(published) <= set(own):
        return {name: name for name in own}
    if len(own) != len(published):
        raise SignatureError(
            f"Keras has {', '.join(own)}; published are {', '.join(published)}",
        )
    return dict(zip(own, published, strict=True))
