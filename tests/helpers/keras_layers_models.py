"""Small Keras models for layers models, beside those of `keras_models`, and the jobs on them.

`python keras_layers_models.py FOLDER` writes the models of MODELS into FOLDER, by Keras 3 and by
tf_keras, as `<name>.keras 3.keras` and so on; a test process calls `built`, which does that once.
"""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from build_in_child import build_in_child

GENERATIONS = ("tf_keras", "keras 3")
Json = dict[str, Any]


@functools.cache
def built() -> Path:
    """Return a folder with all models, made by the first call and removed at exit."""
    return build_in_child(__file__, prefix="keras layers ")


def publish(sources: list[Path], folder: Path) -> Json:
    """Convert models to layers models and run the models themselves; a job of the pool.

    Returns:
        By source, record and signature; or the class, text and hint of what was raised.
        `<name>/base` and `<name>/reference` in the folder have the files.
    """
    from pipeline.errors import PipelineError

    made: Json = {}
    for source in sources:
        try:
            made[source.name] = _publish(source, folder / source.name)
        except PipelineError as error:
            made[source.name] = {
                "error": type(error).__name__,
                "text": error.message,
                "hint": error.hint,
            }
    return made


def _publish(source: Path, folder: Path) -> Json:
    from tfjs_runtime import packages

    from pipeline.proof.inputs.find_contracts import find_contracts
    from pipeline.records.flags import ConversionFlags, SourceFlags
    from pipeline.runtime.describe_model import describe_layers_model
    from pipeline.tf.keras.convert_to_layers import convert_keras_layers
    from pipeline.tf.keras.keras_reference import run_keras_model
    from pipeline.tfjs.model.model_json import load_model_json
    from pipeline.tfjs.model.signature import read_signature
    from pipeline.workers.limits import Budget, ResourceLimits

    base, reference = folder / "base", folder / "reference"
    base.mkdir(parents=True)
    reference.mkdir()
    conversion = convert_keras_layers(source=source, folder=base, flags=ConversionFlags())
    loaded = describe_layers_model(
        base,
        packages=packages(),
        log=folder / "log.txt",
        budget=Budget(ResourceLimits(timeout_seconds=60, memory_bytes=2 * 1024**3)),
        trusted=False,
        hint="take the graph",
    )
    record = conversion.model_copy(update={"loaded": loaded})
    model_json = load_model_json(base / "model.json")
    signature = read_signature(model_json, record)
    run_keras_model(
        source=source,
        folder=reference,
        seed="test",
        task=None,
        given=None,
        contracts=find_contracts(model_json, base, signature.inputs, record),
        signature=signature,
        record=record,
        flags=SourceFlags(),
    )
    return {"record": record, "signature": signature}


def convert_stock(source: Path, folder: Path) -> None:
    """Convert a .h5 of tf_keras as `tensorflowjs_converter` does; a job of the pool."""
    from tensorflowjs.converters import converter

    arguments = ["--input_format=keras", "--output_format=tfjs_layers_model"]
    converter.convert([*arguments, str(source), str(folder)])


def _convolutions(k: Any) -> Any:
    """Layers with kernels, options that TensorFlow.js lacks, and outputs in a dict."""
    image = k.Input((16, 16, 3), name="image")
    x = k.layers.Conv2D(4, 3, padding="same", activation="leaky_relu")(image)
    x = k.layers.ReLU(6.0)(k.layers.BatchNormalization()(x))
    x = k.layers.SeparableConv2D(4, 3)(k.layers.DepthwiseConv2D(3)(x))
    gate = k.layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = k.layers.Multiply()([x, k.layers.Conv2D(4, 1, activation="sigmoid")(gate)])
    x = k.layers.UpSampling2D()(k.layers.Conv2DTranspose(2, 3, strides=2)(x))
    x = k.layers.Reshape((-1, 8))(k.layers.Cropping2D(1)(k.layers.ZeroPadding2D(2)(x)))
    x = k.layers.GlobalMaxPooling1D()(k.layers.Conv1D(3, 2)(k.layers.PReLU()(x)))
    return k.Model({"picture": image}, {"score": k.layers.Dense(2)(x), "box": k.layers.Dense(4)(x)})


def _cells(k: Any) -> Any:
    """Recurrent layers of every kind that TensorFlow.js has, and what they return beside."""
    steps = k.Input((5, 3), name="steps")
    x = k.layers.RNN([k.layers.LSTMCell(4), k.layers.SimpleRNNCell(3)], return_sequences=True)(
        steps
    )
    x = k.layers.GRU(3, return_sequences=True, reset_after=False)(x)
    x = k.layers.Bidirectional(k.layers.LSTM(4, return_sequences=True), merge_mode="sum")(x)
    x = k.layers.TimeDistributed(k.layers.Dense(3, activation="tanh"))(x)
    x, *states = k.layers.LSTM(3, return_sequences=True, return_state=True, name="lstm")(x)
    # tf_keras and Keras 3 write these in different ways.
    return k.Model(steps, k.layers.LSTM(3, name="last")(x, initial_state=states))


def _twins(k: Any) -> Any:
    """Models in a model with layers of one name, one of them called twice."""
    inner = k.Sequential([k.Input((4,)), k.layers.Dense(3, activation="tanh", name="same")])
    other_input = k.Input((4,))
    other = k.Model(other_input, k.layers.Dense(3, name="same")(other_input), name="other")
    left, right = k.Input((4,), name="left"), k.Input((4,), name="right")
    both = k.layers.Concatenate()([k.layers.Subtract()([inner(left), inner(right)]), other(left)])
    return k.Model([left, right], [k.layers.Dense(2, name="same")(both), other(right)])


def _prepared(k: Any) -> Any:
    """What is done to an image before and beside the layers that learn."""
    image = k.Input((6, 6, 3), name="image")
    x = k.layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    x = k.layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0])(x)
    x = k.layers.SpatialDropout2D(0.5)(k.layers.RandomFlip()(x))
    x = k.layers.LayerNormalization()(k.layers.Conv2D(2, 3, activation="swish")(x))
    x = k.layers.Dense(3, activation="hard_sigmoid")(k.layers.Flatten()(x * 2.0 + 1.0))
    return k.Model(image, k.layers.Activation("softplus", name="ready")(x))


def _moving(k: Any) -> Any:
    frames = k.Input((3, 6, 6, 2), name="frames")
    return k.Model(frames, k.layers.ConvLSTM2D(3, 3, padding="same", name="moved")(frames))


def _masked_steps(k: Any) -> Any:
    steps = k.Input((None, 3), name="steps")
    return k.Model(steps, k.layers.LSTM(2, name="last")(k.layers.Masking(0.5)(steps)))


def _reset_after(k: Any) -> Any:
    steps = k.Input((4, 3), name="steps")
    return k.Model(steps, k.layers.GRU(2, name="gate")(steps))


MODELS: dict[str, Callable[[Any], Any]] = {
    "convolutions": _convolutions,
    "cells": _cells,
    "twins": _twins,
    "prepared": _prepared,
    "moving": _moving,
    "masked_steps": _masked_steps,
    "reset_after": _reset_after,
}


def write_models(folder: Path) -> None:
    """Write all models into the folder; imports TensorFlow."""
    import keras
    import tf_keras

    for generation, package in zip(GENERATIONS, (tf_keras, keras), strict=True):
        for name, make in MODELS.items():
            package.utils.set_random_seed(0)
            package.backend.clear_session()
            model = make(package)
            for suffix in ("h5", "keras"):
                model.save(str(folder / f"{name}.{generation}.{suffix}"))
    _write_folder(tf_keras, folder)


def _write_folder(k: Any, folder: Path) -> None:
    k.utils.set_random_seed(0)
    _twins(k).save(str(folder / "twins"), save_format="tf")


if __name__ == "__main__":
    write_models(Path(sys.argv[1]))
