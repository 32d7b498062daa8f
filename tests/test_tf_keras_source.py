"""Keras models of all ages: which load, by what, and what is said of the others."""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras_models
import pytest

from pipeline.workers.job import Limits
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

Json = dict[str, Any]
HDF5, ZIP = "two_heads.tf_keras.h5", "two_heads.keras 3.keras"


@pytest.fixture(scope="module")
def pool() -> Iterator[TensorFlowPool]:
    with TensorFlowPool(max_workers=1) as pool:
        yield pool


@pytest.fixture(scope="module")
def load(pool: TensorFlowPool, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Json]:
    log = tmp_path_factory.mktemp("keras sources") / "log.txt"

    def load_all(sources: list[Path], *, trust: bool = False) -> Json:
        arguments = {"sources": sources, "trust": trust}
        loaded: Json = (
            pool.submit("keras_models:load", arguments, limits=Limits(), log=log).result().value
        )
        return loaded

    return load_all


@pytest.fixture(scope="module")
def loaded(load: Callable[..., Json]) -> Json:
    models = keras_models.built()
    return load(sorted(models.iterdir()))


@pytest.fixture(scope="module")
def damaged(load: Callable[..., Json], tmp_path_factory: pytest.TempPathFactory) -> Json:
    """Load what is no model, or no more; each named by what it is."""
    models, folder = keras_models.built(), tmp_path_factory.mktemp("damaged")
    hdf5, archive = models / HDF5, models / ZIP
    (folder / "cut off.h5").write_bytes(hdf5.read_bytes()[:4000])
    (folder / "cut off.keras").write_bytes(archive.read_bytes()[:4000])
    (folder / "pointer.h5").write_text("version https://git-lfs.github.com/spec/v1\n")
    with h5py.File(folder / "table.h5", "w") as file:
        file["values"] = [1, 2, 3]
    shutil.copyfile(hdf5, folder / "no weights.h5")
    with h5py.File(folder / "no weights.h5", "r+") as file:
        del file["model_weights"]
    shutil.copyfile(hdf5, folder / "theano.h5")
    with h5py.File(folder / "theano.h5", "r+") as file:
        file["model_weights"].attrs["backend"] = "theano"
    with zipfile.ZipFile(folder / "photos.keras", "w") as file:
        file.writestr("holiday.jpg", b"")
    change(archive, folder / "other weights.keras", lambda config: grow(config, "zeta"))
    sources = sorted(folder.iterdir())
    found = load(sources)
    texts = [one["text"] for one in found.values()]
    assert not any(str(path) in text for text in texts for path in (folder, tempfile.gettempdir()))
    return found


def change(source: Path, target: Path, edit: Callable[[Json], None]) -> Path:
    """Copy a .keras with another config."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                edit(config)
                content = json.dumps(config).encode()
            new.writestr(name, content)
    return target


def grow(config: Json, name: str) -> None:
    (layer,) = (one for one in config["config"]["layers"] if one["config"]["name"] == name)
    layer["config"]["units"] += 1


@pytest.mark.parametrize(
    ("model", "generation", "kind"),
    [
        pytest.param("two_heads.tf_keras.h5", "tf_keras", "keras", id="Keras 2 h5"),
        pytest.param("two_heads.tf_keras.keras", "tf_keras", "keras_keras", id="Keras 2 zip"),
        pytest.param("two_heads.keras 3.h5", "keras 3", "keras", id="Keras 3 h5"),
        pytest.param("two_heads.keras 3.keras", "keras 3", "keras_keras", id="Keras 3 zip"),
        pytest.param("two_heads", "tf_keras", "keras_saved_model", id="folder"),
    ],
)
def test_each_is_loaded_by_the_keras_that_saved_it(
    loaded: Json, model: str, generation: str, kind: str
) -> None:
    assert loaded[model] == {
        "generation": generation,
        "kind": kind,
        "inputs": ["image", "a_meta"],
        "outputs": ["zeta", "alpha"],
        "repairs": [],
    }


def test_the_extension_says_nothing(load: Callable[..., Json], tmp_path: Path) -> None:
    models = keras_models.built()
    named = {"old.keras": HDF5, "new.h5": ZIP, "plain": HDF5}
    sources = [Path(shutil.copyfile(models / old, tmp_path / name)) for name, old in named.items()]
    loaded = load(sources)

    assert [loaded[name]["kind"] for name in named] == ["keras", "keras_keras", "keras"]


def test_a_source_that_cannot_be_written_is_loaded(
    load: Callable[..., Json], tmp_path: Path
) -> None:
    sources = [
        Path(shutil.copyfile(keras_models.built() / name, tmp_path / name))
        for name in ("two_heads.tf_keras.keras", "half.tf_keras.h5")
    ]
    for source in sources:
        source.chmod(0o444)
    loaded = load(sources)

    assert all("error" not in one for one in loaded.values())
    assert sorted(tmp_path.iterdir()) == sorted(sources)  # nothing was unpacked beside them


def test_a_subclassed_model_is_revived_from_its_folder(loaded: Json) -> None:
    assert loaded["subclassed"]["generation"] == "tf_keras"
    assert loaded["subclassed"]["outputs"] == []


@pytest.mark.parametrize("end", ["keras 3.weights.h5", "tf_keras.weights.h5", "tf_keras.h5"])
def test_weights_alone_are_refused(loaded: Json, end: str) -> None:
    found = loaded[f"only.{end}"]

    assert found["error"] == "FormatError"
    assert "holds weights only: how the layers are connected is not in it" in found["text"]
    assert "model.save('model.keras')" in found["text"]


def test_a_folder_that_keras_did_not_save_is_told(loaded: Json) -> None:
    found = loaded["not_of_keras"]

    assert found["error"] == "FormatError"
    assert "no keras_metadata.pb" in found["text"]
    assert "input_format: tf_saved_model" in found["text"]


def test_a_model_without_a_shape_is_told(loaded: Json) -> None:
    found = loaded["unbuilt.keras"]

    assert found["error"] == "ConversionError"
    assert "saved before it knew the shape of its input" in found["text"]


@pytest.mark.parametrize(
    "model",
    [
        "lambda",
        "lambda.tf_keras.h5",
        "lambda.tf_keras.keras",
        "lambda.keras 3.h5",
        "lambda.keras 3.keras",
    ],
)
def test_code_in_a_file_is_not_run(loaded: Json, model: str) -> None:
    found = loaded[model]

    assert found["error"] == "UntrustedSourceError"
    assert "Python code (layer 'double')" in found["text"]
    assert "trust: true" in found["text"]


@pytest.mark.parametrize("end", ["tf_keras.h5", "tf_keras.keras", "keras 3.h5", "keras 3.keras"])
def test_unknown_layers_are_named(loaded: Json, end: str) -> None:
    found = loaded[f"custom.{end}"]

    assert found["error"] == "ConversionError"
    assert "neither in the file nor in Keras: class 'Scale'" in found["text"]
    assert "(layer 'scale')" in found["text"]
    assert "model.export('folder')" in found["text"]


def test_a_file_of_words_is_not_read(load: Callable[..., Json], tmp_path: Path) -> None:
    def point(config: Json) -> None:
        for one in config["config"]["layers"]:
            if one["class_name"] == "StringLookup":
                one["config"]["vocabulary"] = "/etc/hostname"

    for end in ("keras 3.keras", "tf_keras.keras"):
        source = change(keras_models.built() / f"looked_up.{end}", tmp_path / end, point)
        (found,) = load([source]).values()

        assert found["error"] == "UntrustedSourceError"
        assert "StringLookup, which reads the file '/etc/hostname'" in found["text"]


def test_foreign_classes_are_imported_where_they_are_trusted(
    load: Callable[..., Json], tmp_path: Path
) -> None:
    def replace(config: Json) -> None:
        for one in config["config"]["layers"]:
            if one["class_name"] == "Scale":
                one["module"] = "keras_layers_of_tests"

    source = change(keras_models.built() / "custom.keras 3.keras", tmp_path / "c.keras", replace)

    (found,) = load([source]).values()
    assert found["error"] == "UntrustedSourceError"
    assert "class 'Scale' of keras_layers_of_tests (layer 'scale')" in found["text"]
    (trusted,) = load([source], trust=True).values()
    assert trusted["outputs"] == ["scale"]


@pytest.mark.parametrize(
    ("file", "error", "text"),
    [
        pytest.param("cut off.h5", "FormatError", "cut off.h5 cannot be read as HDF5", id="h5"),
        pytest.param("cut off.keras", "FormatError", "cut off.keras cannot be read", id="zip"),
        pytest.param("pointer.h5", "FormatError", "pointer.h5 is no Keras model", id="pointer"),
        pytest.param("table.h5", "FormatError", "HDF5, but no Keras model", id="other HDF5"),
        pytest.param("no weights.h5", "FormatError", "holds no weights", id="no weights"),
        pytest.param("photos.keras", "FormatError", "a zip without config.json", id="other zip"),
        pytest.param("theano.h5", "ConversionError", "Keras with Theano", id="Theano"),
        pytest.param(
            "other weights.keras", "ConversionError", "Keras cannot build the model", id="mismatch"
        ),
    ],
)
def test_what_is_no_model_is_told(damaged: Json, file: str, error: str, text: str) -> None:
    assert damaged[file]["error"] == error
    assert text in damaged[file]["text"]


def test_a_model_of_keras_1_computes_what_it_does_in_keras_2(
    pool: TensorFlowPool, tmp_path: Path
) -> None:
    sources = [keras_models.built() / f"as_keras_{age}.h5" for age in (1, 2)]
    arguments = {"sources": sources, "folder": tmp_path}
    made = (
        pool.submit("keras_models:publish", arguments, limits=Limits(), log=tmp_path / "log.txt")
        .result()
        .value
    )

    assert all("error" not in one for one in made.values()), made
    old, new = (
        (tmp_path / source.name / "reference/vectors.bin").read_bytes() for source in sources
    )
    assert old == new
