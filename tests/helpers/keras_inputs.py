"""Small real Keras models that say what their images are, and the contracts found in them.

`find` is a job of the pool: it builds and saves each model, converts it to each format of
TensorFlow.js, and reads the contract of its input.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def find(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the contract of the input in JSON, by "<model> <generation> <format>"."""
    import keras
    import tf_keras

    found = {}
    for name, build in MODELS.items():
        for k, suffix in ((keras, "keras"), (tf_keras, "h5")):
            path = folder / f"{name}.{k.__name__}.{suffix}"
            build(k).save(path)
            for kind in ("graph", "layers"):
                found[f"{name} {k.__name__} {kind}"] = _convert(path, kind)
    return found


def _convert(source: Path, kind: str) -> dict[str, Any]:
    from pipeline.proof.inputs.contract_facts import derive_range
    from pipeline.proof.inputs.find_contracts import find_contracts
    from pipeline.records.flags import ConversionFlags
    from pipeline.records.signature import SignatureTensor
    from pipeline.tf.keras.convert_to_graph import convert_keras_model
    from pipeline.tf.keras.convert_to_layers import convert_keras_layers
    from pipeline.tfjs.model.dtypes import js_dtype
    from pipeline.tfjs.model.model_json import load_model_json

    base = source.with_name(f"{source.name}.{kind}")
    base.mkdir()
    convert = convert_keras_model if kind == "graph" else convert_keras_layers
    record = convert(source=source, folder=base, flags=ConversionFlags())
    ties = record.inputs or ()
    stated = record.stated.inputs
    inputs = [
        SignatureTensor(
            id=i,
            name=tie.name,
            tensor=tie.tensor,
            dtype=stated[tie.name].dtype or "",
            js_dtype=js_dtype(stated[tie.name].dtype or "") or "",
            shape=stated[tie.name].shape,
        )
        for i, tie in enumerate(ties)
    ]
    (contract,) = find_contracts(
        load_model_json(base / "model.json"), base, inputs, record
    ).values()
    return derive_range(contract).to_json()


def _mobilenet(k: Any) -> Any:
    return k.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, include_top=False)


def _rescaled(k: Any) -> Any:
    return _classify(k, k.layers.Rescaling(1 / 127.5, offset=-1.0, name="to_signed"))


def _normalized(k: Any) -> Any:
    mean, variance = [123.7, 116.3, 103.5], [3409.0, 3262.0, 3292.0]
    return _classify(k, k.layers.Normalization(axis=-1, mean=mean, variance=variance))


def _silent(k: Any) -> Any:
    return _classify(k, k.layers.ReLU())


def _classify(k: Any, first: Any) -> Any:
    image = k.Input((32, 32, 3), name="image")
    x = k.layers.Conv2D(2, 3, strides=4, name="features")(first(image))
    return k.Model(image, k.layers.GlobalAveragePooling2D(name="scores")(x))


MODELS: dict[str, Callable[[Any], Any]] = {
    "mobilenet": _mobilenet,
    "rescaled": _rescaled,
    "normalized": _normalized,
    "silent": _silent,
}
