"""Models whose code is elsewhere: in a file of the user's, or published by an add-on to Keras."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras_models
import numpy as np
import pytest

from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

Json = dict[str, Any]
ADDONS = Path(__file__).parents[2] / "data/addons"
ENDS = ("tf_keras.h5", "tf_keras.keras", "keras 3.h5", "keras 3.keras")
# Written as people write it: TensorFlow's Keras is that of the model.
LAYERS = """
import tensorflow as tf
from tensorflow.keras import layers
from keras.layers import Layer

assert issubclass(layers.Dense, Layer)

class Scale(Layer):
    def call(self, inputs):
        return tf.keras.activations.linear(inputs) * tf.constant(2.0)

def add_one(x):
    return x + 1.0
"""


@pytest.fixture(scope="module")
def answer(pool: TensorFlowPool, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Json]:
    log = tmp_path_factory.mktemp("custom code") / "log.txt"

    def answer_all(
        sources: list[Path], values: Any, *, trust: bool = True, code: Any = None
    ) -> Json:
        inputs = [np.asarray(values).tolist()] * len(sources)
        arguments = {"sources": sources, "inputs": inputs, "trust": trust, "code": code}
        made: Json = pool.submit("keras_models:answer", arguments, log=log).result().value
        return made

    return answer_all


def test_layers_of_a_file_are_built(answer: Callable[..., Json]) -> None:
    sources = [keras_models.built() / f"custom.{end}" for end in ENDS]
    made = answer(sources, [[1.0, 2.0, 3.0, 4.0]], code={"my layers.py": LAYERS})

    assert {name: one["output"] for name, one in made.items()} == {
        source.name: [[2.0, 4.0, 6.0, 8.0]] for source in sources
    }


def test_without_the_file_the_class_is_named(answer: Callable[..., Json]) -> None:
    (made,) = answer([keras_models.built() / "custom.keras 3.keras"], [[1.0] * 4]).values()

    assert "class 'Scale' of tests_of.nowhere (layer 'scale')" in made["text"]
    assert "`custom_objects: layers.py` and `trust: true`" in made["text"]


def test_a_file_that_cannot_run_is_told(answer: Callable[..., Json]) -> None:
    source = keras_models.built() / "custom.tf_keras.h5"
    (made,) = answer([source], [[1.0] * 4], code={"a.py": "import no_such_package"}).values()

    assert "a.py cannot be run: No module named 'no_such" in made["text"]


def test_lambdas_find_the_usual_modules_and_functions_of_a_file(
    answer: Callable[..., Json],
) -> None:
    sources = [keras_models.built() / f"lambdas.{end}" for end in ENDS]
    values = [[[1.0, -2.0, 3.0, -4.0]] * 2]
    made = answer(sources, values, code={"layers.py": LAYERS})

    assert {name: one["output"] for name, one in made.items()} == {
        source.name: [[[3.0, 1.0, 7.0, 1.0]] * 2] for source in sources
    }


def test_a_function_replaces_the_lambda_of_its_name(answer: Callable[..., Json]) -> None:
    sources = [keras_models.built() / f"lambdas.{end}" for end in ENDS]
    code = {"layers.py": "def usual(x):\n    return x\ncustom_objects = {'own': lambda x: -x}"}
    made = answer(sources, [[[1.0, -2.0, 3.0, -4.0]] * 2], code=code)

    assert {name: one["output"] for name, one in made.items()} == {
        source.name: [[[-1.0, 2.0, -3.0, 4.0]] * 2] for source in sources
    }


def test_what_a_lambda_lacks_is_told(answer: Callable[..., Json]) -> None:
    source = keras_models.built() / "lambdas.tf_keras.h5"
    (made,) = answer([source], [[[1.0] * 4] * 2]).values()

    assert "name 'add_one' is not defined" in made["text"]
    assert "`custom_objects: layers.py`" in made["text"]


def unpack(name: str, folder: Path) -> list[Path]:
    """Unpack a model that an add-on saved, as .h5 and as .keras."""
    paths = [folder / f"{name}.h5", folder / f"{name}.keras"]
    for path in paths:
        path.write_bytes(gzip.decompress((ADDONS / f"{path.name}.gz").read_bytes()))
    return paths


@pytest.mark.parametrize("name", ["addons", "more_addons", "hub", "more_hub"])
def test_layers_of_real_addons_are_computed_without_their_code(
    answer: Callable[..., Json], tmp_path: Path, name: str
) -> None:
    known = np.load(ADDONS / f"{name}.npz")
    made = answer(unpack(name, tmp_path), known["x"], trust=False)

    for one in made.values():
        error = np.abs(np.array(one["output"]) - known["y"]).max()
        assert error < 1e-5 * max(1.0, np.abs(known["y"]).max())
        origin = "keras_hub" if "hub" in name else "tensorflow_addons"
        assert f"of {origin}, whose code is not in the file" in one["repairs"][-1]


@pytest.mark.parametrize(
    ("kind", "option", "value"),
    [
        pytest.param("TransformerEncoder", "gated", 1, id="an option of another release"),
        pytest.param("RotaryEmbedding", "rope_type", "yarn", id="a value of another formula"),
    ],
)
def test_a_layer_of_another_formula_is_asked_for(
    answer: Callable[..., Json], tmp_path: Path, kind: str, option: str, value: Any
) -> None:
    _, archive = unpack("hub", tmp_path)
    archive.write_bytes(with_option(archive, kind, option, value))
    (made,) = answer([archive], np.load(ADDONS / "hub.npz")["x"], trust=False).values()

    assert f"class '{kind}' of keras_hub" in made["text"]


def with_option(source: Path, kind: str, option: str, value: Any) -> bytes:
    """Return a .keras whose layers of one class have one more option."""
    changed = io.BytesIO()
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(changed, "w") as target:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "config.json":
                config = json.loads(content)
                for layer in config["config"]["layers"]:
                    if layer["class_name"] == kind:
                        layer["config"][option] = value
                content = json.dumps(config).encode()
            target.writestr(name, content)
    return changed.getvalue()


def as_copied(
    source: Path, target: Path, name: str, options: Json, weights: dict[str, Any] | None = None
) -> Path:
    """Copy a .h5 of one layer whose config names a class that Keras lacks, with its weights."""
    target.write_bytes(source.read_bytes())
    with h5py.File(target, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        layer = config["config"]["layers"][1]
        layer |= {"class_name": name, "config": {"name": "scale", "trainable": True, **options}}
        for key in ("module", "registered_name", "build_config"):
            layer.pop(key, None)
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.4.0"
        group = file["model_weights/scale"]
        group.attrs["weight_names"] = [f"{weight}:0".encode() for weight in weights or {}]
        for weight, values in (weights or {}).items():
            group[f"{weight}:0"] = np.asarray(values, np.float32)
    return target


def test_formulas_that_repositories_copy(answer: Callable[..., Json], tmp_path: Path) -> None:
    source = keras_models.built() / "custom.tf_keras.h5"
    weights = {f"{one}_{part}": None for one in ("beta", "gamma")
               for part in ("initializer", "regularizer", "constraint")}  # fmt: skip
    norm = {"axis": None, "epsilon": 0.25, "center": False, "scale": False, **weights}
    sources = [
        as_copied(source, tmp_path / "mish.h5", "Mish", {}),
        as_copied(source, tmp_path / "norm.h5", "InstanceNormalization", norm),
        as_copied(source, tmp_path / "dropped.h5", "FixedDropout",
                  {"rate": 0.5, "noise_shape": [None, 1], "seed": None}),
        as_copied(source, tmp_path / "other.h5", "Mish", {"beta": 2.0}),
        as_copied(source, tmp_path / "grouped.h5", "GroupNormalization", {**norm, "groups": 2}),
    ]  # fmt: skip
    x = np.array([[1.0, 2.0, 3.0, 4.0]])
    made = answer(sources, x, trust=False)

    mish = x * np.tanh(np.log1p(np.exp(x)))
    normed = (x - x.mean()) / (x.std() + 0.25)
    for name, expected in (("mish.h5", mish), ("norm.h5", normed), ("dropped.h5", x)):
        np.testing.assert_allclose(made[name]["output"], expected, rtol=1e-6, err_msg=name)
    assert "class 'Mish' (layer 'scale')" in made["other.h5"]["text"]  # of another formula
    # Keras' own came with 2.11; this one is the add-on's, whose axis is the last.
    assert "class 'GroupNormalization'" in made["grouped.h5"]["text"]


def of_parts(*weights: str) -> dict[str, None]:
    parts = ("initializer", "regularizer", "constraint")
    return {f"{weight}_{part}": None for weight in weights for part in parts}


def test_formulas_of_packages_that_cannot_be_installed(
    answer: Callable[..., Json], tmp_path: Path
) -> None:
    source = keras_models.built() / "custom.tf_keras.h5"
    alpha, beta = np.array([0.5, 1.0, 2.0, 3.0]), np.array([2.0, 1.0, 0.5, 4.0])
    left, right = np.array([-1.0, 0.0, 1.0, 2.0]), np.array([0.5, -1.5, 2.0, 0.25])
    table = np.arange(10.0).reshape(5, 2) ** 2
    bag = {"input_dim": 5, "output_dim": 2, "mask_zero": False, **of_parts("embeddings")}
    learned = {"t_left": left, "a_left": alpha, "t_right": right, "a_right": beta}
    initial = {f"{weight}_initializer": "zeros" for weight in learned}
    sources = [
        as_copied(source, tmp_path / "sine.h5", "SineReLU", {"epsilon": 0.5}),
        as_copied(source, tmp_path / "pelu.h5", "PELU",
                  {"shared_axes": None, **of_parts("alpha", "beta")},
                  {"alpha": alpha, "beta": beta}),
        as_copied(source, tmp_path / "srelu.h5", "SReLU",
                  {"shared_axes": None, **initial}, learned),
        as_copied(source, tmp_path / "sum.h5", "Addons>EmbeddingBag",
                  {**bag, "combiner": "sum"}, {"embeddings": table}),
        as_copied(source, tmp_path / "mean.h5", "Addons>EmbeddingBag",
                  {**bag, "combiner": "mean"}, {"embeddings": table}),
    ]  # fmt: skip
    x = np.array([[-3.0, 2.0, -0.5, 4.0]])
    bags = np.array([[1.0, 0.0, 3.0, 4.0]])
    made = answer(sources[:3], x, trust=False) | answer(sources[3:], bags, trust=False)

    limit = left + abs(right)
    lines = np.where(x < left, left + alpha * (x - left), np.where(x > limit, limit, x))
    for name, expected in (
        ("sine.h5", np.maximum(x, 0.5 * (np.sin(x) - np.cos(x)))),
        ("pelu.h5", np.where(x < 0, alpha * (np.exp(x / beta) - 1), alpha / beta * x)),
        ("srelu.h5", lines + np.where(x > limit, beta * (x - limit), 0)),
        ("sum.h5", table[bags.astype(int)].sum(1)),
        ("mean.h5", table[bags.astype(int)].mean(1)),
    ):
        np.testing.assert_allclose(made[name]["output"], expected, rtol=1e-5, err_msg=name)
