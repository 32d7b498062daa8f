"""Keras models that become graphs without a SavedModel on disk, beside those that need it."""

import importlib
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.records.flags import ConversionFlags

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore"),  # Keras, NumPy and TF Hub deprecate each other
]


@pytest.fixture(scope="module")
def module() -> Any:
    # Decision Forests, which the converter imports, would write a greeting to pytest's output.
    os.environ["TFDF_DISABLE_WELCOME_MESSAGE"] = "1"
    return importlib.import_module("pipeline.tf.keras.convert_to_graph")


def build(layers: Any, keras: Any) -> Any:
    """Return a model of two inputs, two outputs, dropout, a normalization and a loop."""
    image, steps = keras.Input((6, 6, 3)), keras.Input((5, 2))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3)(image))
    x = layers.GlobalAveragePooling2D()(layers.Dropout(0.5)(x))
    y = layers.Concatenate()([x, layers.GRU(3)(steps)])
    return keras.Model([image, steps], [layers.Dense(2)(y), layers.Softmax()(y)])


def convert(module: Any, source: Path, folder: Path) -> tuple[Any, dict[str, bytes]]:
    folder.mkdir()
    record = module.convert_keras_model(source=source, folder=folder, flags=ConversionFlags())
    return record, {path.name: path.read_bytes() for path in folder.iterdir()}


def watch_exports(module: Any, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return a list to which the folder of each SavedModel that is written will be added."""
    exports: list[Path] = []
    export = module._export

    def watched(loaded: Any, call: Any, folder: Path) -> None:
        exports.append(folder)
        export(loaded, call, folder)

    monkeypatch.setattr(module, "_export", watched)
    return exports


@pytest.mark.parametrize(("package", "file"), [("keras", "m.keras"), ("tf_keras", "m.h5")])
def test_the_files_are_those_of_a_saved_model(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, file: str
) -> None:
    keras = importlib.import_module(package)
    build(keras.layers, keras).save(tmp_path / file)
    exports = watch_exports(module, monkeypatch)

    made = convert(module, tmp_path / file, tmp_path / "made")
    assert exports == []
    monkeypatch.setattr(module, "convert_function", lambda *_, **__: None)

    assert convert(module, tmp_path / file, tmp_path / "saved") == made
    assert len(exports) == 1


def test_tables_are_saved(module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keras = importlib.import_module("keras")
    words = keras.Input((1,), dtype="string")
    lookup = keras.layers.StringLookup(vocabulary=["cat", "dog"])
    keras.Model(words, lookup(words)).save(tmp_path / "m.keras")
    exports = watch_exports(module, monkeypatch)

    convert(module, tmp_path / "m.keras", tmp_path / "made")

    assert len(exports) == 1
