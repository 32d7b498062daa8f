"""Keras models of all ages: which load, by what, and what is said of the others."""

import json
import random
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras_models
import pytest

from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

Json = dict[str, Any]
HDF5, ZIP = "two_heads.tf_keras.h5", "two_heads.keras 3.keras"


@pytest.fixture(scope="module")
def load(pool: TensorFlowPool, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Json]:
    log = tmp_path_factory.mktemp("keras sources") / "log.txt"

    def load_all(sources: list[Path], *, trust: bool = False) -> Json:
        arguments = {"sources": sources, "trust": trust}
        loaded: Json = pool.submit("keras_models:load", arguments, log=log).result().value
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


def change_hdf5(source: Path, target: Path, edit: Callable[[Json], None]) -> Path:
    """Copy a .h5 with another config."""
    shutil.copyfile(source, target)
    with h5py.File(target, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        edit(config)
        file.attrs["model_config"] = json.dumps(config)
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
    made = pool.submit("keras_models:publish", arguments, log=tmp_path / "log.txt").result().value

    assert all("error" not in one for one in made.values()), made
    old, new = (
        (tmp_path / source.name / "reference/vectors.bin").read_bytes() for source in sources
    )
    assert old == new


# --- What would get in ---------------------------------------------------------------------------

PASSWORDS = "/etc/passwd"


def store_outside(path: Path) -> None:
    """Have the first weight of a .h5 lie in a file of the machine."""
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
        shape = file[names[0]].shape
        size = 4
        for length in shape:
            size *= length
        del file[names[0]]
        file.create_dataset(names[0], shape=shape, dtype="f4", external=[(PASSWORDS, 0, size)])


def add_layer(kind: str, **options: Any) -> Callable[[Json], None]:
    """Put a layer behind the first input of a functional model, as its second."""

    def edit(config: Json) -> None:
        layers = config["config"]["layers"]
        name = layers[0]["config"]["name"]
        node: Json = {"class_name": kind, "name": "it", "inbound_nodes": [[[name, 0, 0, {}]]]}
        layers.insert(1, node | {"config": {"name": "it", "trainable": True, **options}})

    return edit


def add_dense(module: str, **options: Any) -> Callable[[Json], None]:
    """Append a layer of Keras 3 whose class is said to be of a module."""
    layer: Json = {"class_name": "Dense", "module": module, "registered_name": None}
    layer["config"] = {"name": "it", "units": 2, **options}
    return lambda config: config["config"]["layers"].append(layer)


def op(kind: str, dtype: str) -> Json:
    attributes = {"T": {"type": dtype}} if kind == "Sin" else {}
    return {"name": "it", "op": kind, "input": ["image"], "attr": attributes}


@pytest.fixture(scope="module")
def hostile(load: Callable[..., Json], tmp_path_factory: pytest.TempPathFactory) -> Json:
    """Load what would read, write or run; each named by how it tries."""
    models, folder = keras_models.built(), tmp_path_factory.mktemp("hostile")
    for end in ("tf_keras", "keras 3"):
        path = Path(shutil.copyfile(models / f"two_heads.{end}.h5", folder / f"{end}.outside.h5"))
        store_outside(path)
        source = models / f"two_heads.{end}.keras"
        with zipfile.ZipFile(source) as old:
            weights = Path(old.extract("model.weights.h5", folder / end))
            store_outside(weights)
            with zipfile.ZipFile(folder / f"{end}.outside.keras", "w") as new:
                for name in old.namelist():
                    is_weights = name == "model.weights.h5"
                    new.writestr(name, weights.read_bytes() if is_weights else old.read(name))
        shutil.rmtree(folder / end)
    wrapped = {"class_name": "SimpleRNNCell", "config": {"units": 2}}
    code: Json = {"residual_fn": ["4wEA", None, None], "residual_fn_type": "lambda"}
    written = str(folder / "written")
    for name, layer in {
        "writes.h5": add_layer("TFOpLambda", function="io.write_file"),
        "writes 1.h5": add_layer("TFOpLambda", function="compat.v1.write_file"),
        "through keras.h5": add_layer("TFOpLambda", function="keras.utils.get_file"),
        "reading op.h5": add_layer("TensorFlowOpLayer", node_def=op("ReadFile", "DT_STRING")),
        "op as bytes.h5": add_layer("TensorFlowOpLayer", node_def="\n\x02it\x12\x08ReadFile"),
        "unknown op.h5": add_layer("TensorFlowOpLayer", node_def=op("NoSuchOp", "DT_FLOAT")),
        "no op.h5": add_layer("TensorFlowOpLayer", node_def=[1]),
        "cell.h5": add_layer("RNN", cell={"class_name": "ResidualWrapper", "config": {
            "cell": wrapped, **code}}),
        "column.h5": add_layer("DenseFeatures", feature_columns=[{
            "class_name": "VocabularyFileCategoricalColumn", "config": {
                "vocabulary_file": PASSWORDS}}]),
    }.items():  # fmt: skip
        change_hdf5(models / HDF5, folder / name, layer)
    for name, module in {"module": "antigravity", "of keras": "keras.src.utils.file_utils"}.items():
        for end in ("tf_keras", "keras 3"):
            source = models / f"two_heads.{end}.keras"
            change(source, folder / f"{end}.{name}.keras", add_dense(module))
    switch: Json = {"class_name": "function", "config": "enable_unsafe_deserialization"}
    switch |= {"module": "keras.config", "registered_name": None}
    change(models / ZIP, folder / "switch.keras", add_dense("keras.layers", activation=switch))
    change(
        models / ZIP,
        folder / "half a letter.keras",
        lambda config: config["config"]["layers"][1].update(class_name="\ud800"),
    )
    shutil.copyfile(models / ZIP, folder / "two configs.keras")
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(folder / "two configs.keras", "a") as archive,
    ):
        archive.writestr("config.json", "{}")
    loaded = load(sorted(folder.iterdir()))
    assert not Path(written).exists()
    return loaded


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("tf_keras.outside.h5", f"lies in another file ('{PASSWORDS}')"),
        ("keras 3.outside.h5", f"lies in another file ('{PASSWORDS}')"),
        ("tf_keras.outside.keras", f"lies in another file ('{PASSWORDS}')"),
        ("keras 3.outside.keras", f"lies in another file ('{PASSWORDS}')"),
        ("writes.h5", "a call of tf.io.write_file (layer 'it')"),
        ("writes 1.h5", "a call of tf.compat.v1.write_file (layer 'it')"),
        ("through keras.h5", "a call of tf.keras.utils.get_file (layer 'it')"),
        ("reading op.h5", "an op that touches this machine, 'ReadFile' (layer 'it')"),
        ("op as bytes.h5", "an op that touches this machine, 'ReadFile' (layer 'it')"),
        ("no op.h5", "an op that cannot be read"),
        ("cell.h5", "a ResidualWrapper layer, which is Python code"),
        ("column.h5", "VocabularyFileCategoricalColumn, which reads a file of words"),
        ("tf_keras.module.keras", "class 'Dense' of antigravity (layer 'it')"),
        ("keras 3.module.keras", "class 'Dense' of antigravity (layer 'it')"),
        ("tf_keras.of keras.keras", "class 'Dense' of keras.src.utils.file_utils"),
        ("keras 3.of keras.keras", "class 'Dense' of keras.src.utils.file_utils"),
        ("switch.keras", "function 'enable_unsafe_deserialization' of keras.config"),
        ("two configs.keras", "it has 'config.json' twice; expected each member once"),
    ],
)
def test_what_would_get_in_is_refused(hostile: Json, file: str, text: str) -> None:
    assert hostile[file]["error"] == "UntrustedSourceError"
    assert text in hostile[file]["text"]


def test_an_op_that_tensorflow_lacks_is_told(hostile: Json) -> None:
    assert hostile["unknown op.h5"]["error"] == "ConversionError"
    assert "NoSuchOp" in hostile["unknown op.h5"]["text"]


def test_what_is_no_text_is_told_as_it_may_be_printed(hostile: Json) -> None:
    found = hostile["half a letter.keras"]

    assert found["error"] == "FormatError"
    assert "half a letter.keras: config.json: the config has '\\ud800', no Unicode" in found["text"]
    assert found["text"].encode()


def test_trust_is_in_code_and_not_in_files_elsewhere(
    load: Callable[..., Json], tmp_path: Path
) -> None:
    source = Path(shutil.copyfile(keras_models.built() / HDF5, tmp_path / "outside.h5"))
    store_outside(source)

    (found,) = load([source], trust=True).values()
    assert found["error"] == "UntrustedSourceError"


def test_an_op_that_computes_is_built(load: Callable[..., Json], tmp_path: Path) -> None:
    layer = add_layer("TensorFlowOpLayer", node_def=op("Sin", "DT_FLOAT"))
    source = change_hdf5(keras_models.built() / HDF5, tmp_path / "sine.h5", layer)

    (found,) = load([source]).values()
    assert found.get("outputs") == ["zeta", "alpha"], found


@pytest.mark.parametrize("model", ["two_heads.tf_keras.h5", "two_heads.keras 3.keras"])
def test_any_change_of_a_config_is_told_and_never_a_bug_of_ours(
    load: Callable[..., Json], tmp_path: Path, model: str
) -> None:
    changes = random.Random(0)
    values: list[Any] = [
        None,
        [],
        {},
        1,
        -1,
        1.5,
        "x",
        True,
        [None],
        {"class_name": None},
        {"config": 1},
    ]
    values += [{"class_name": "Dense"}, [[[]]], "\U0001f600", 10**30]

    def replace_one(config: Json) -> None:
        places: list[tuple[Any, Any]] = []
        waiting: list[Any] = [config]
        while waiting:
            value = waiting.pop()
            keys = value.keys() if isinstance(value, dict) else range(len(value))
            places += [(value, key) for key in keys]
            waiting += [value[key] for key in keys if isinstance(value[key], (dict, list))]
        holder, key = changes.choice(places)
        holder[key] = changes.choice(values)

    copy = change_hdf5 if model.endswith("h5") else change
    sources = [
        copy(keras_models.built() / model, tmp_path / f"{i}{model}", replace_one) for i in range(25)
    ]
    found = load(sources)

    told = [one["text"] for one in found.values() if "error" in one]
    assert len(told) > 5
    assert all("\n" not in text.partition("\n  ")[0] for text in told)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ("[]", "the model's config is no mapping"),
        ("3", "the model's config is no mapping"),
        ("{", "the model's config is no JSON"),
        ("{}", "Keras cannot build the model"),
        ('{"class_name": "Functional", "config": null}', "Keras cannot build the model"),
        ('{"class_name": {}, "config": {}}', "the config has a class that is called '{}'"),
        ("[" * 100_000 + "]" * 100_000, "the model's config is nested too deeply"),
        ('{"a":' * 300 + "1" + "}" * 300, "the config is nested deeper than 200"),
        ('{"class_name": "A", "config": ' + "9" * 5000 + "}", "the model's config is no JSON"),
    ],
)
def test_what_is_no_config_is_told(
    load: Callable[..., Json], tmp_path: Path, config: str, text: str
) -> None:
    sources = []
    for model in (HDF5, ZIP):
        source = tmp_path / model
        if model.endswith("h5"):
            shutil.copyfile(keras_models.built() / model, source)
            with h5py.File(source, "r+") as file:
                file.attrs["model_config"] = config
        else:
            with zipfile.ZipFile(keras_models.built() / model) as old:
                members = {name: old.read(name) for name in old.namelist()}
            with zipfile.ZipFile(source, "w") as new:
                for name, content in members.items():
                    new.writestr(name, config if name == "config.json" else content)
        sources.append(source)

    for found in load(sources).values():
        assert text in found["text"]


@pytest.mark.parametrize(
    ("edit", "error", "text"),
    [
        (
            lambda config: config["config"].update(vocabulary=PASSWORDS),
            "UntrustedSourceError",
            f"StringLookup, which reads the file '{PASSWORDS}'",
        ),
        (
            lambda config: config.update(class_name="TFSMLayer"),
            "UntrustedSourceError",
            "TFSMLayer, which loads a SavedModel",
        ),
        (
            lambda config: config["config"].update(
                a={"class_name": "Lambda", "config": {"function": ["4wEA"]}}
            ),
            "UntrustedSourceError",
            "a Lambda layer, which is Python code",
        ),
        (lambda config: config.update(class_name="\udc80"), "FormatError", "no Unicode text"),
    ],
)
def test_configs_of_a_folder_are_judged_before_keras_reads_them(
    load: Callable[..., Json],
    tmp_path: Path,
    edit: Callable[[Json], None],
    error: str,
    text: str,
) -> None:
    source = Path(shutil.copytree(keras_models.built() / "looked_up", tmp_path / "looked_up"))
    keras_models.edit_metadata(source, "StringLookup", edit)

    (found,) = load([source]).values()
    assert found["error"] == error
    assert text in found["text"]


def test_a_folder_imports_nothing_that_its_configs_name(
    load: Callable[..., Json], tmp_path: Path
) -> None:
    def name_a_module(config: Json) -> None:
        config["class_name"] = "Mine"
        config["module"] = "keras_import_canary"
        config["config"]["activation"] = {
            "class_name": "function", "module": "keras_import_canary", "config": "f",
            "__passive_serialization__": True,
        }  # fmt: skip

    (tmp_path / "keras_import_canary.py").write_text("raise SystemExit(3)")
    source = Path(shutil.copytree(keras_models.built() / "looked_up", tmp_path / "looked_up"))
    keras_models.edit_metadata(source, "StringLookup", name_a_module)

    (found,) = load([source]).values()
    assert "canary" not in str(found) or found["error"] == "ConversionError"
