"""Small real Keras models, saved by Keras 3 and by tf_keras in a child process.

`python keras_models.py FOLDER` writes the models of MODELS into FOLDER, each by both, as
`<name>.keras 3.h5`, `<name>.tf_keras.keras` and so on. A test process calls `built`, which does
that once, so that it never imports TensorFlow.
"""

import functools
import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from build_in_child import build_in_child
from tensorflow_child import run_in_tensorflow

_METADATA = "keras_metadata.pb"
GENERATIONS = ("tf_keras", "keras 3")


@functools.cache
def built() -> Path:
    """Return a folder with all models, made by the first call and removed at exit."""
    return build_in_child(__file__, prefix="keras models ")


def convert_stock(source: Path, folder: Path) -> None:
    """Convert a .h5 of tf_keras as `tensorflowjs_converter` does; a job of the pool."""
    from tensorflowjs.converters import converter

    arguments = ["--input_format=keras", "--output_format=tfjs_graph_model"]
    converter.convert([*arguments, str(source), str(folder)])


def publish(sources: list[Path], folder: Path) -> dict[str, Any]:
    """Convert models to graph models and run the models themselves; a job of the pool.

    Returns:
        By source, the record and the notes; or the class and the text of what was raised.
        `<name>/base` and `<name>/reference` in the folder have the files.
    """
    from pipeline.errors import PipelineError

    made: dict[str, Any] = {}
    for source in sources:
        try:
            made[source.name] = _publish(source, folder / source.name)
        except PipelineError as error:
            made[source.name] = {"error": type(error).__name__, "text": error.describe()}
    return made


def _publish(source: Path, folder: Path) -> dict[str, Any]:
    from pipeline.proof.inputs.find_contracts import find_contracts
    from pipeline.records.flags import ConversionFlags, SourceFlags
    from pipeline.tf.keras.convert_to_graph import convert_keras_model
    from pipeline.tf.keras.keras_reference import run_keras_model
    from pipeline.tfjs.model.model_json import format_model_json, load_model_json
    from pipeline.tfjs.model.signature import read_signature
    from pipeline.tfjs.rewrite.rewrite import rewrite_graph

    base, reference = folder / "base", folder / "reference"
    base.mkdir(parents=True)
    reference.mkdir()
    record = convert_keras_model(source=source, folder=base, flags=ConversionFlags())
    # As the step does.
    content, _ = rewrite_graph(load_model_json(base / "model.json").content)
    model_json = replace(load_model_json(base / "model.json"), content=content)
    (base / "model.json").write_bytes(format_model_json(model_json))
    signature = read_signature(model_json, record)
    summary = run_keras_model(
        source=source,
        record=record,
        flags=SourceFlags(),
        folder=reference,
        signature=signature,
        seed="test",
        task=None,
        given=None,
        contracts=find_contracts(model_json, base, signature.inputs, record),
    )
    return {"record": record, "signature": signature, "notes": summary["notes"]}


def load(sources: list[Path], *, trust: bool, code: dict[str, str] | None = None) -> dict[str, Any]:
    """Load models and return what is known of each, or what was raised; a job of the pool."""
    from pipeline.errors import PipelineError
    from pipeline.tf.keras.keras_source import load_keras_model

    made: dict[str, Any] = {}
    for source in sources:
        try:
            loaded = load_keras_model(source, trust=trust, code=code)
        except PipelineError as error:
            made[source.name] = {"error": type(error).__name__, "text": error.describe()}
        else:
            made[source.name] = {
                "generation": loaded.generation,
                "kind": loaded.file.kind,
                "inputs": list(loaded.input_names),
                "outputs": list(loaded.output_names),
                "repairs": list(loaded.repairs),
            }
    return made


def answer(
    sources: list[Path], inputs: list[list[Any]], *, trust: bool, code: dict[str, str] | None
) -> dict[str, Any]:
    """Load models, call each with one input; a job of the pool.

    Returns:
        By source, its repairs and its first output; or the text of what was raised.
    """
    import numpy as np

    from pipeline.errors import PipelineError
    from pipeline.tf.keras.keras_source import load_keras_model

    made: dict[str, Any] = {}
    for source, values in zip(sources, inputs, strict=True):
        try:
            loaded = load_keras_model(source, trust=trust, code=code)
            result = loaded.model.predict(np.asarray(values, np.float32), verbose=0)
        except PipelineError as error:
            made[source.name] = {"text": error.describe()}
        else:
            made[source.name] = {"repairs": list(loaded.repairs), "output": result.tolist()}
    return made


def edit_metadata(folder: Path, kind: str, edit: Callable[[Any], None]) -> None:
    """Change the config of one layer in a SavedModel's keras_metadata.pb.

    The file is a protobuf that needs TensorFlow to be read, so a child process does it.
    """
    texts = run_in_tensorflow(_read_metadata, folder)
    for i, text in enumerate(texts):
        config = json.loads(text)
        if config.get("class_name") == kind:
            edit(config)
            texts[i] = json.dumps(config)
    run_in_tensorflow(_write_metadata, folder, texts)


def _read_metadata(folder: Path) -> list[str]:
    """Return the configs of a keras_metadata.pb, as JSON."""
    return [node.metadata for node in _parse_metadata(folder).nodes]


def _write_metadata(folder: Path, texts: list[str]) -> None:
    """Put configs in the place of those of a keras_metadata.pb."""
    metadata = _parse_metadata(folder)
    for node, text in zip(metadata.nodes, texts, strict=True):
        node.metadata = text
    (folder / _METADATA).write_bytes(metadata.SerializeToString())


def _parse_metadata(folder: Path) -> Any:
    from tf_keras.protobuf import saved_metadata_pb2

    return saved_metadata_pb2.SavedMetadata.FromString((folder / _METADATA).read_bytes())


def _two_heads(k: Any) -> Any:
    """Two inputs, two outputs whose order is not that of their names."""
    image, meta = k.Input((8, 8, 3), name="image"), k.Input((4,), name="a_meta")
    x = k.layers.Conv2D(4, 3, activation="relu", name="stem")(image)
    x = k.layers.BatchNormalization()(x)
    x = k.layers.GlobalAveragePooling2D()(x)
    x = k.layers.Concatenate()([x, meta])
    x = k.layers.Dropout(0.5)(x)
    zeta = k.layers.Dense(3, name="zeta")(x)
    return k.Model([image, meta], [zeta, k.layers.Dense(2, name="alpha")(zeta)], name="two_heads")


def _dict_outputs(k: Any) -> Any:
    """Inputs and outputs in dicts, whose keys are not the names of the layers."""
    left, right = k.Input((4,), name="left"), k.Input((4,), name="right")
    both = k.layers.Add()([left, k.layers.Dense(4)(right)])
    scores = k.layers.Dense(3, activation="softmax")(both)
    outputs = {"scores": scores, "boxes": k.layers.Dense(4)(both)}
    return k.Model({"left": left, "right": right}, outputs)


def _sequential(k: Any) -> Any:
    layers = [
        k.layers.Conv2D(4, 3, activation="relu"),
        k.layers.MaxPooling2D(),
        k.layers.Flatten(),
        k.layers.Dense(3, activation="softmax", name="classes"),
    ]
    return k.Sequential([k.Input((8, 8, 1), name="picture"), *layers])


def _shared(k: Any) -> Any:
    """A nested model, and a layer that gives two outputs."""
    inner_input = k.Input((4,))
    inner = k.Model(inner_input, k.layers.Dense(4, activation="tanh")(inner_input), name="inner")
    left, right = k.Input((4,), name="left"), k.Input((4,), name="right")
    dense = k.layers.Dense(2, name="head")
    return k.Model([left, right], [dense(inner(left)), dense(inner(inner(right)))])


def _recurrent(k: Any) -> Any:
    steps = k.Input((6, 3), name="steps")
    x = k.layers.Bidirectional(k.layers.LSTM(4, return_sequences=True))(steps)
    x = k.layers.GRU(3, return_sequences=True)(x)
    x = k.layers.TimeDistributed(k.layers.Dense(3))(x)
    return k.Model(steps, k.layers.SimpleRNN(2, name="last")(x))


def _masked(k: Any) -> Any:
    ids = k.Input((None,), dtype="int32", name="ids")
    x = k.layers.Embedding(20, 4, mask_zero=True)(ids)
    return k.Model(ids, k.layers.LSTM(3, name="summary")(x))


def _stateful(k: Any) -> Any:
    steps = k.Input(batch_shape=(1, 4, 3), name="steps")
    return k.Model(steps, k.layers.LSTM(2, stateful=True, name="state")(steps))


def _attention(k: Any) -> Any:
    tokens = k.Input((5, 8), name="tokens")
    x = k.layers.MultiHeadAttention(2, 4)(tokens, tokens)
    x = k.layers.LayerNormalization(axis=[1, 2])(k.layers.Add()([x, tokens]))
    return k.Model(tokens, k.layers.Dense(2, activation="gelu", name="mixed")(x))


def _looked_up(k: Any) -> Any:
    """Words and numbers turned into ids and categories by tables."""
    word, code = (
        k.Input((1,), dtype="string", name="word"),
        k.Input((1,), dtype="int64", name="code"),
    )
    words = k.layers.StringLookup(vocabulary=["cat", "dog", "owl"])(word)
    codes = k.layers.IntegerLookup(vocabulary=[7, 8, 9], output_mode="one_hot")(code)
    x = k.layers.Flatten()(k.layers.Embedding(4, 3)(words))
    joined = k.layers.Concatenate()([x, k.layers.Reshape((4,))(codes)])
    return k.Model([word, code], k.layers.Dense(2, name="guess")(joined))


def _normalized(k: Any) -> Any:
    image = k.Input((6, 6, 3), name="image")
    x = k.layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    x = k.layers.RandomFlip()(k.layers.Resizing(4, 4)(x))
    x = k.layers.Normalization(axis=-1, mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0])(x)
    x = k.layers.Flatten()(x)
    return k.Model(image, k.layers.Discretization([-1.0, 0.0, 1.0], name="bins")(x))


def _half(k: Any) -> Any:
    features = k.Input((4,), name="features")
    x = k.layers.Dense(8, activation="relu", dtype="mixed_float16")(features)
    x = k.layers.Dense(8, activation="relu", dtype="mixed_bfloat16")(x)
    return k.Model(features, k.layers.Dense(3, dtype="float32", name="scores")(x))


def _half_weights(k: Any) -> Any:
    features = k.Input((4,), name="features", dtype="bfloat16")
    return k.Model(features, k.layers.Dense(3, dtype="bfloat16", name="scores")(features))


def _trained(k: Any) -> Any:
    """Compiled and fitted: the file holds the state of the optimizer and a loss."""
    import numpy as np

    model = _sequential(k)
    loss = k.losses.CategoricalCrossentropy(label_smoothing=0.1)
    model.compile("adam", loss=loss, metrics=["accuracy"])
    model.fit(np.ones((4, 8, 8, 1), "f4"), np.eye(3, dtype="f4")[[0, 1, 2, 0]], verbose=0)
    return model


def _odd_names(k: Any) -> Any:
    """Names that are no names of arguments, and those of layers that are none of scopes."""
    first, second = k.Input((2,), name="input-1"), k.Input((2,), name="0.input_1")
    inner = "dense.1-a" if k.__name__.startswith("tf_keras") else "dense 1: (größe) <a>"
    hidden = k.layers.Dense(2, name=inner)(first)
    # An attribute's name to us, and one that every object of JavaScript has.
    hidden = k.layers.Dense(2, name="constructor")(k.layers.Dense(2, name="..h")(hidden))
    total = k.layers.Subtract(name="logits.0-a")([hidden, second])
    return k.Model([first, second], total)


def _operations(k: Any) -> Any:
    """Functions in place of layers."""
    import tensorflow as tf

    nn, ops = (tf.nn, tf) if k.__name__.startswith("tf_keras") else (k.ops, k.ops)
    image = k.Input((4, 4, 3), name="image")
    x = nn.relu6(k.layers.Dense(3)(image) * 2.0) + 1.0
    mean = ops.reduce_mean(x, [1, 2]) if ops is tf else ops.mean(x, axis=(1, 2))
    return k.Model(image, [mean, x[:, 1:, :, ::2]])


def _grouped(k: Any) -> Any:
    """Convolutions in groups: of two channels, and one for each channel."""
    image = k.Input((8, 8, 4), name="image")
    x = k.layers.Conv2D(6, 3, groups=2, activation="relu")(image)
    x = k.layers.Conv2D(12, 3, groups=6, strides=2, padding="same")(x)
    return k.Model(image, k.layers.GlobalAveragePooling2D(name="means")(x))


def _lambda(k: Any) -> Any:
    features = k.Input((4,), name="features")
    doubled = k.layers.Lambda(lambda x: x * 2.0, output_shape=(4,), name="double")
    return k.Model(features, doubled(features))


def _custom(k: Any) -> Any:
    class Scale(k.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return inputs * 2.0

    Scale.__module__ = "tests_of.nowhere"
    features = k.Input((4,), name="features")
    return k.Model(features, Scale(name="scale")(features))


_SCRIPT = """
def make(k):
    features = k.Input((2, 4), name="features")
    shape = {"output_shape": (2, 4)}
    x = k.layers.Lambda(lambda x: tf.nn.relu(x) * np.float32(2), name="usual", **shape)(features)
    return k.Model(features, k.layers.Lambda(lambda x: add_one(x), name="own", **shape)(x))
"""


def _lambdas(k: Any) -> Any:
    """Lambda layers that call what a script imports and defines, which their files do not hold."""
    import numpy as np
    import tensorflow as tf

    script: dict[str, Any] = {"__name__": "script", "np": np, "tf": tf}
    script["add_one"] = lambda x: x + 1.0
    exec(_SCRIPT, script)  # noqa: S102  # in another module they would be found where they load
    return script["make"](k)


def _foreign_initializer(k: Any) -> Any:
    class Ones(k.initializers.Initializer):  # type: ignore[misc]
        def __call__(self, shape: Any, dtype: Any = None, **_others: Any) -> Any:
            return k.initializers.Ones()(shape, dtype)

    Ones.__module__ = "tests_of.nowhere"
    features = k.Input((4,), name="features")
    return k.Model(features, k.layers.Dense(2, kernel_initializer=Ones(), name="d")(features))


MODELS: dict[str, Callable[[Any], Any]] = {
    "two_heads": _two_heads,
    "dict_outputs": _dict_outputs,
    "sequential": _sequential,
    "shared": _shared,
    "recurrent": _recurrent,
    "masked": _masked,
    "stateful": _stateful,
    "attention": _attention,
    "looked_up": _looked_up,
    "normalized": _normalized,
    "half": _half,
    "half_weights": _half_weights,
    "trained": _trained,
    "odd_names": _odd_names,
    "operations": _operations,
    "grouped": _grouped,
    "lambda": _lambda,
    "custom": _custom,
    "lambdas": _lambdas,
    "foreign_initializer": _foreign_initializer,
}


def write_models(folder: Path) -> None:
    """Write all models into the folder; imports TensorFlow."""
    import keras
    import tf_keras

    warnings.simplefilter("ignore")
    for generation, package in zip(GENERATIONS, (tf_keras, keras), strict=True):
        for name, make in MODELS.items():
            package.utils.set_random_seed(0)
            package.backend.clear_session()
            model = make(package)
            for suffix in ("h5", "keras"):
                model.save(str(folder / f"{name}.{generation}.{suffix}"))
        _write_weights(package, folder, generation)
    _write_folders(tf_keras, folder)
    _write_keras_1(tf_keras, folder)
    _write_odd(keras, folder)


def _write_weights(k: Any, folder: Path, generation: str) -> None:
    model = _sequential(k)
    model.save_weights(str(folder / f"only.{generation}.weights.h5"))
    if generation == "tf_keras":
        model.save_weights(str(folder / f"only.{generation}.h5"))


def _write_folders(k: Any, folder: Path) -> None:
    """Write SavedModels as tf_keras saves its models, and one that another tool saved."""
    import tensorflow as tf

    class Doubled(k.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.dense = k.layers.Dense(2)

        def call(self, inputs: Any) -> Any:
            return {"twice": self.dense(inputs) * 2.0, "once": self.dense(inputs)}

    subclassed = Doubled()
    subclassed(tf.zeros((1, 4)))
    subclassed.save(str(folder / "subclassed"), save_format="tf")
    for name in ("two_heads", "lambda", "looked_up"):
        k.utils.set_random_seed(0)
        MODELS[name](k).save(str(folder / name), save_format="tf")
    module = tf.Module()
    module.call = tf.function(lambda x: x + 1.0, [tf.TensorSpec([None], tf.float32)])
    tf.saved_model.save(module, str(folder / "not_of_keras"), signatures=module.call)


def _write_keras_1(k: Any, folder: Path) -> None:
    """Write a model as `save_model` of Keras 1.2 did, and the same as tf_keras does.

    After keras/models.py and keras/engine/topology.py of Keras 1.2.2: the weights of a
    recurrent layer are one by one for each gate, the kernel of Convolution1D has an axis more.
    """
    import h5py
    import numpy as np

    gates = {"recurrent_activation": "hard_sigmoid", "return_sequences": True}
    layers = [
        k.layers.Conv1D(4, 3, padding="same", activation="relu", name="conv"),
        k.layers.LSTM(3, **gates, name="lstm"),
        k.layers.GRU(2, **gates, reset_after=False, name="gru"),
        k.layers.TimeDistributed(k.layers.Dense(2), name="heads"),
    ]
    model = k.Sequential([k.Input((6, 3), name="conv_input"), *layers])
    for variable in model.weights:
        variable.assign(np.random.default_rng(len(variable.name)).normal(size=variable.shape))
    model.save(str(folder / "as_keras_2.h5"))
    first = {"nb_filter": 4, "filter_length": 3, "border_mode": "same", "subsample_length": 1}
    first |= {"activation": "relu", "bias": True, "init": "glorot_uniform", "input_dim": 3}
    first |= {"batch_input_shape": [None, 6, 3], "input_dtype": "float32", "name": "conv"}
    gate: dict[str, Any] = {
        "inner_activation": "hard_sigmoid",
        "inner_init": "orthogonal",
        "activation": "tanh",
    }
    gate |= {"return_sequences": True, "dropout_W": 0.0, "consume_less": "cpu"}
    dense = {"class_name": "Dense", "config": {"output_dim": 2, "bias": True, "name": "dense"}}
    config = [
        {"class_name": "Convolution1D", "config": first},
        {"class_name": "LSTM", "config": {**gate, "output_dim": 3, "name": "lstm"}},
        {"class_name": "GRU", "config": {**gate, "output_dim": 2, "name": "gru"}},
        {"class_name": "TimeDistributed", "config": {"layer": dense, "name": "heads"}},
    ]
    old = {layer.name: layer.get_weights() for layer in layers}
    old["conv"][0] = old["conv"][0][:, None]
    old["lstm"] = _part(old["lstm"], [0, 2, 1, 3])  # i, c, f, o of i, f, c, o
    old["gru"] = _part(old["gru"], [0, 1, 2])
    with h5py.File(folder / "as_keras_1.h5", "w") as file:
        file.attrs["keras_version"] = b"1.2.2"
        text = json.dumps({"class_name": "Sequential", "config": config})
        file.attrs["model_config"] = text.encode()
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [name.encode() for name in old]
        for name, values in old.items():
            group = weights.create_group(name)
            names = [f"{name}_W_{i}" for i in range(len(values))]
            group.attrs["weight_names"] = [one.encode() for one in names]
            for one, value in zip(names, values, strict=True):
                group[one] = value


def _part(weights: list[Any], order: list[int]) -> list[Any]:
    """Return the weights of a recurrent layer gate by gate: W, U and b of each."""
    import numpy as np

    parted = [np.split(value, len(order), axis=-1) for value in weights]
    return [gates[i] for i in order for gates in parted]


def _write_odd(k: Any, folder: Path) -> None:
    unbuilt = k.Sequential([k.layers.Dense(3), k.layers.Dense(2)])
    unbuilt.save(str(folder / "unbuilt.keras"))
    from keras.src.applications.convnext import ConvNeXt

    applications = k.applications
    small: dict[str, Any] = {"weights": None, "classes": 10}
    for name, model in {
        "MobileNetV3Small": applications.MobileNetV3Small((64, 64, 3), **small),
        "ConvNeXt": ConvNeXt([1, 1, 1, 1], [8, 16, 24, 32], input_shape=(32, 32, 3), **small),
        "EfficientNetV2B0": applications.EfficientNetV2B0(input_shape=(32, 32, 3), **small),
    }.items():
        model.save(str(folder / f"{name}.keras"))
        model.save(str(folder / f"{name}.h5"))


if __name__ == "__main__":
    write_models(Path(sys.argv[1]))
